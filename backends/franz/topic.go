package franz

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// topic is the state of one topic, guarded by writer.mu.
type topic struct {
	name   string
	client *kgo.Client // nil means that of the writer
	open   bool        // records go to the client at once
	held   []*record   // those accepted while the topic is not open, in order
	cause  error       // why it is not open, or nil

	// While the records of a topic with fewer partitions than before move to another client:
	moving     bool
	partitions int32     // the present number
	moved      []*record // that the old client gave back
}

// hold queues a record until its topic is open. The first record of a topic opens it.
func (w *writer) hold(r *record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.topics[r.client.Topic]
	if t == nil {
		t = &topic{name: r.client.Topic}
		w.topics[t.name] = t
		w.running.Go(func() { w.openTopic(t) })
	}
	if t.open {
		w.produce(t, r)
		return
	}
	w.deadlines.hold(r)
	t.held = append(t.held, r)
}

// produce gives a record to the client of its topic. It is called with mu held, for reading at
// least, so that a client gets no record of a topic that moves to another one.
func (w *writer) produce(t *topic, r *record) {
	client := t.client
	if client == nil {
		client = w.client.Load()
	}
	r.before = w.wire.Requests()
	client.Produce(context.Background(), &r.client, r.promise)
}

// openTopic opens a topic when it has read the topic's limit for the size of batches. franz-go
// does not divide a batch that the broker rejects.
func (w *writer) openTopic(t *topic) {
	attempts := w.troubles.To(t.name)
	defer attempts.Ended()
	for failures := 1; ; failures++ {
		limit, err := w.batchLimit(t.name, min(w.requestTimeout, time.Second<<min(failures-1, 5)))
		if err == nil || w.ctx.Err() == nil && permanent(err) || isUntrusted(err) {
			w.limits.Store(t.name, limit)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.release(t)
			return
		}
		w.mu.Lock()
		if w.ctx.Err() == nil || t.cause == nil {
			t.cause = err
		}
		w.mu.Unlock()
		if w.ctx.Err() != nil {
			return // Close fails the records
		}
		attempts.Failed(err)
		_ = backendkit.Pause(w.ctx, failures, 0)
	}
}

// batchLimit returns the largest batch that a topic and the configuration allow. It is that of the
// configuration if the broker does not tell the one of the topic.
func (w *writer) batchLimit(name string, timeout time.Duration) (int32, error) {
	ctx, cancel := context.WithTimeout(w.ctx, timeout)
	defer cancel()
	request := kmsg.NewPtrDescribeConfigsRequest()
	resource := kmsg.NewDescribeConfigsRequestResource()
	resource.ResourceType, resource.ResourceName, resource.ConfigNames = kmsg.ConfigResourceTypeTopic, name, []string{"max.message.bytes"}
	request.Resources = append(request.Resources, resource)
	response, err := call(ctx, w, request.RequestWith)
	if err != nil {
		return w.maxBytes, w.unreachable(err)
	}
	const smallest = 512 // that franz-go allows
	for _, r := range response.Resources {
		for _, c := range r.Configs {
			if c.Value == nil {
				continue
			}
			if limit, err := strconv.ParseInt(*c.Value, 10, 32); err == nil {
				return max(smallest, min(w.maxBytes, int32(limit))), nil
			}
		}
	}
	return w.maxBytes, nil
}

// limitOf returns the largest batch for a topic.
func (w *writer) limitOf(name string) int32 {
	if limit, ok := w.limits.Load(name); ok {
		return limit.(int32) //nolint:forcetypeassert // the only type
	}
	return w.maxBytes
}

var errNoResponse = errors.New("no response of the broker")

// unreachable returns the reason for which a request failed: the failure to connect rather than the
// end of the wait for a response.
func (w *writer) unreachable(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return classify(err)
	}
	if dialErr := w.wire.DialErr(); dialErr != nil {
		return dialErr
	}
	return w.wire.NoResponse(errNoResponse)
}

// release opens a topic and gives its records to the client. It is called with mu held.
func (w *writer) release(t *topic) {
	slices.SortFunc(t.moved, func(a, b *record) int { return cmp.Compare(a.number, b.number) })
	for _, r := range slices.Concat(t.moved, t.held) {
		if w.deadlines.unhold(r) {
			w.produce(t, r)
		}
	}
	*t = topic{name: t.name, client: t.client, open: true}
}

// move moves the records of a topic that has fewer partitions than before to a new client. franz-go
// does not use such a topic again, and no client can write to a topic in two ways, since its
// sequence numbers would begin again.
func (w *writer) move(t *topic, partitions int32) {
	w.mu.Lock()
	t.open, t.cause = false, errShrunk
	old := t.client
	w.mu.Unlock()
	w.settle(t.name)
	client, err := kgo.NewClient(w.options...)
	w.mu.Lock()
	if err == nil { // always, since the first client had the same options
		t.moving, t.partitions, t.client = true, partitions, client
	}
	w.mu.Unlock()
	if old == nil {
		w.client.Load().PurgeTopicsFromProducing(t.name)
	} else {
		old.Close()
	}
	w.until(settleLimit, func() bool { return w.deadlines.unheld(t.name) == 0 })
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() == nil {
		w.release(t)
	}
}

var errShrunk = errors.New("the topic has fewer partitions than before")

const (
	// settleTime is how long no record of a topic gets an outcome before the rest moves, and
	// settleLimit bounds the wait. Records in flight to the partitions that are left get
	// their outcome meanwhile.
	settleTime  = time.Second
	settleLimit = 5 * time.Second
)

// settle waits until the records of a topic that can get an outcome have one.
func (w *writer) settle(name string) {
	last, since := -1, time.Now()
	w.until(settleLimit, func() bool {
		if n := w.deadlines.unheld(name); n != last {
			last, since = n, time.Now()
		}
		return last == 0 || time.Since(since) >= settleTime
	})
}

// until waits for a condition, for limit at most.
func (w *writer) until(limit time.Duration, condition func() bool) {
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// giveBack keeps a record that the old client of a moving topic gave back, if it was certainly not
// written. A partition that does not exist has no records.
func (w *writer) giveBack(r *record, err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.topics[r.client.Topic]
	if t == nil || !t.moving || w.wire.Stopped() || r.client.Partition < t.partitions && !w.certainlyNotWritten(r, err) {
		return false
	}
	w.deadlines.hold(r)
	t.moved = append(t.moved, r)
	return true
}

// failHeld fails the records that no client has. Close calls it after the wire was stopped, so that
// giveBack adds no more.
func (w *writer) failHeld() {
	type failure struct {
		r     *record
		cause error
	}
	var failures []failure
	w.mu.Lock()
	for _, t := range w.topics {
		for _, r := range slices.Concat(t.moved, t.held) {
			failures = append(failures, failure{r, t.cause})
		}
	}
	w.mu.Unlock()
	for _, f := range failures {
		if w.deadlines.remove(f.r) {
			f.r.message.Failed(signalcast.FateNotWritten, kafkabus.Closed(f.cause))
		}
	}
}
