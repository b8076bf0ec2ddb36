package franz

import (
	"context"
	"maps"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

const (
	// watchInterval is the interval between two inspections of the topics of slow records.
	watchInterval = 250 * time.Millisecond
	// slowAfter is the age at which a record is slow.
	slowAfter = 500 * time.Millisecond
	// shrunkAfter is how long a topic must have fewer partitions than franz-go knows before its
	// records move. A broker that lags behind may know fewer for a moment.
	shrunkAfter = 2 * time.Second
)

// watched is a topic with slow records.
type watched struct {
	attempts    *backendkit.Attempts
	shrunkSince time.Time // since when it has fewer partitions, or zero
	moving      bool      // whether move was called
}

// watch asks the brokers about topics whose records get no outcome, since franz-go retries without
// telling the cause. It reports the cause, and moves the records of topics that were created again
// with fewer partitions.
func (w *writer) watch() {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	topics := map[string]*watched{}
	for {
		select {
		case <-ticker.C:
		case <-w.ctx.Done():
			return
		}
		slow, failed := w.deadlines.slow(slowAfter)
		for name, t := range topics {
			switch {
			case slow[name] > 0:
				continue
			case failed[name]:
				t.attempts.Ended()
			default:
				t.attempts.Succeeded()
			}
			w.causes.Delete(name)
			delete(topics, name)
		}
		if len(slow) == 0 {
			continue
		}
		found, err := w.ask(w.ctx, min(time.Second, w.requestTimeout), slices.Collect(maps.Keys(slow)))
		if err != nil {
			for name := range slow {
				found[name] = finding{err: err}
			}
		}
		for name, age := range slow {
			t := topics[name]
			if t == nil {
				t = &watched{attempts: w.troubles.To(name)}
				topics[name] = t
			}
			w.inspect(name, t, found[name], age)
		}
	}
}

// Topics implements [kafkabus.Writer].
func (w *writer) Topics(ctx context.Context, names []string) (map[string]error, error) {
	found, err := w.ask(ctx, w.requestTimeout, names)
	errs := map[string]error{}
	for name, f := range found {
		errs[name] = f.err
	}
	return errs, err
}

// finding is what a broker says about a topic.
type finding struct {
	partitions int32
	err        error
	// unreachable is the error of the last attempt to connect to the leader of a partition, or nil.
	unreachable error
}

// ask asks a broker about topics. The map is not nil, even if there is an error.
func (w *writer) ask(ctx context.Context, timeout time.Duration, topics []string) (map[string]finding, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = &name
		request.Topics = append(request.Topics, t)
	}
	found := map[string]finding{}
	response, err := call(ctx, w, request.RequestWith)
	if err != nil {
		return found, w.unreachable(err)
	}
	addresses := map[int32]string{}
	for _, b := range response.Brokers {
		addresses[b.NodeID] = net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
	}
	for _, t := range response.Topics {
		f := finding{partitions: int32(len(t.Partitions)), err: explain(t.ErrorCode)} //nolint:gosec // a number of partitions fits
		for _, p := range t.Partitions {
			if f.err == nil {
				f.err = explain(p.ErrorCode)
			}
			if f.unreachable == nil {
				f.unreachable = w.wire.DialErrTo(addresses[p.Leader])
			}
		}
		if t.Topic != nil {
			found[*t.Topic] = f
		}
	}
	return found, nil
}

// call makes a request, and returns when ctx ends at the latest. franz-go itself may return later,
// after connecting.
func call[Response any](ctx context.Context, w *writer, request func(context.Context, kmsg.Requestor) (Response, error)) (Response, error) {
	type result struct {
		response Response
		err      error
	}
	results := make(chan result, 1)
	client := w.client.Load()
	w.calls.Go(func() {
		response, err := request(ctx, client)
		results <- result{response, err}
	})
	select {
	case r := <-results:
		return r.response, r.err
	case <-ctx.Done():
		var none Response
		return none, ctx.Err() //nolint:wrapcheck // replaced by unreachable
	}
}

func explain(code int16) error {
	if err := kerr.ErrorForCode(code); err != nil {
		return kafkabus.Explain(code, err)
	}
	return nil
}

// inspect reports why a topic has slow records, and moves them if the topic has shrunk. age is that
// of the oldest record.
func (w *writer) inspect(name string, t *watched, f finding, age time.Duration) {
	switch {
	case f.err != nil:
		w.report(name, t, f.err)
		t.shrunkSince = time.Time{}
		return
	case f.unreachable != nil:
		w.report(name, t, f.unreachable)
	case age >= w.requestTimeout:
		err := w.wire.DialErr()
		if err == nil {
			err = w.wire.NoResponse(errNoResponse)
		}
		w.report(name, t, err)
	}
	w.mu.RLock()
	state := w.topics[name]
	w.mu.RUnlock()
	if f.partitions == 0 || !w.knows(state, f.partitions) { // the first partition that the broker does not have
		t.shrunkSince = time.Time{}
		return
	}
	switch {
	case t.shrunkSince.IsZero():
		t.shrunkSince = time.Now()
	case time.Since(t.shrunkSince) >= shrunkAfter && !t.moving:
		t.moving = true
		t.attempts.Failed(errShrunk)
		w.running.Go(func() { w.move(state, f.partitions) })
	}
}

// report reports why a topic has slow records.
func (w *writer) report(name string, t *watched, cause error) {
	t.attempts.Failed(cause)
	w.causes.Store(name, cause)
}

// causeOf returns why a topic has slow records, or fallback if the cause is unknown.
func (w *writer) causeOf(name string, fallback error) error {
	if cause, ok := w.causes.Load(name); ok {
		return cause.(error) //nolint:forcetypeassert // the only type
	}
	return fallback
}

// knows reports whether the client of a topic knows a partition. The first partition is 0.
func (w *writer) knows(t *topic, partition int32) bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !t.open {
		return false
	}
	client := t.client
	if client == nil {
		client = w.client.Load()
	}
	return hasPartition(client, t.name, partition)
}

func hasPartition(client *kgo.Client, topic string, partition int32) bool {
	leader, _, err := client.PartitionLeader(topic, partition)
	return leader >= 0 || err != nil
}
