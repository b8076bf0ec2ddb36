package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// writer gives each record to the partition it belongs to.
type writer struct {
	cluster  *cluster
	encoder  encoder
	timeout  time.Duration
	maxBytes int
	log      *backendkit.Log

	// running counts the goroutines that stop ends by ending ctx.
	ctx     context.Context //nolint:containedctx // the life of the goroutines
	stop    context.CancelFunc
	running sync.WaitGroup
	// slots bounds the batches in flight to all brokers, and so the connections.
	slots chan struct{}

	mu     sync.Mutex
	topics map[string]*topic
	key    []byte // used again for every record
}

// topic is what is known of a topic.
type topic struct {
	name       string
	partitions []*partition // empty while their number is not known
	asked      time.Time    // when the number was last asked for
	asking     bool
	backlog    []kafkabus.Record // waits for the number
}

const (
	// batchesInFlight is how many partitions are written to at the same time.
	batchesInFlight = 16
	// partitionsAge is how old the number of a topic's partitions may get while
	// it is in use.
	partitionsAge = 5 * time.Second
)

func newWriter(c kafkabus.Config, log *backendkit.Log) *writer {
	w := &writer{
		cluster: newCluster(c), encoder: newEncoder(), timeout: c.DeliveryTimeout, maxBytes: c.MaxMessageBytes, log: log,
		slots: make(chan struct{}, batchesInFlight), topics: map[string]*topic{},
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// Write implements [kafkabus.Writer].
func (w *writer) Write(r kafkabus.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.topics[r.Message.Topic]
	if t == nil {
		t = &topic{name: r.Message.Topic}
		w.topics[t.name] = t
	}
	if !t.asking && r.Taken.Sub(t.asked) >= partitionsAge {
		t.asking = true
		w.running.Go(func() { w.learn(t) })
	}
	if len(t.partitions) == 0 {
		t.backlog = append(t.backlog, r)
		return
	}
	w.assign(t, r)
}

// Close implements [kafkabus.Writer].
func (w *writer) Close() {
	w.cluster.wire.Shut()
	w.stop()
	w.running.Wait()
	w.cluster.close()
}

// assign queues r at its partition. It is called with mu held.
func (w *writer) assign(t *topic, r kafkabus.Record) {
	w.key = r.AppendKey(w.key[:0])
	p := t.partitions[kafkabus.Partition(w.key, len(t.partitions))]
	p.queue = append(p.queue, r)
	if !p.served {
		p.served = true
		w.running.Go(func() { p.serve(w.ctx) })
	}
}

// learn finds out how many partitions a topic has. It tries as long as there are
// records that wait for the answer.
func (w *writer) learn(t *topic) {
	var cause error // why the last attempt failed that Close has not ended
	for repeats := 0; ; repeats++ {
		n, err := w.cluster.partitions(w.ctx, t.name)
		if w.ctx.Err() == nil || cause == nil {
			cause = err
		} else if err != nil {
			err = cause
		}
		failed, over := w.learnt(t, n, err)
		for i := range failed {
			failed[i].Failed(signalcast.FateNotWritten, failed[i].cause)
		}
		if over {
			return
		}
		if repeats == 0 && w.ctx.Err() == nil {
			w.log.Logger().WarnContext(w.ctx, "topic is not available", slog.String("topic", t.name), slog.Any("error", err))
		}
		w.cluster.refresh()
		_ = backendkit.Pause(w.ctx, repeats+1, 0) // the next answer tells that ctx has ended
	}
}

// failure is a record that is given up.
type failure struct {
	kafkabus.Record

	cause error
}

// learnt takes an answer to the question how many partitions a topic has. It
// returns the records to give up and whether nobody waits any more.
func (w *writer) learnt(t *topic, n int, err error) (failed []failure, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil {
		for i := len(t.partitions); i < n; i++ {
			t.partitions = append(t.partitions, &partition{writer: w, topic: t.name, number: int32(i)}) //nolint:gosec // counts partitions
		}
		t.partitions = t.partitions[:n]
	}
	if len(t.partitions) > 0 {
		for _, r := range t.backlog {
			w.assign(t, r)
		}
		t.backlog, t.asked, t.asking = nil, time.Now(), false
		return nil, true
	}
	v := w.judge(err)
	t.backlog = slices.DeleteFunc(t.backlog, func(r kafkabus.Record) bool {
		cause := v.of(&r)
		if cause != nil {
			failed = append(failed, failure{r, cause})
		}
		return cause != nil
	})
	t.asking = len(t.backlog) > 0
	return failed, !t.asking
}

// verdict says which records are to be given up, and why. A nil error lets them
// be tried again.
type verdict struct {
	all, late error
	deadline  time.Time // those taken until then are late
}

// judge gives the verdict on records that could not be written by now because of cause.
func (w *writer) judge(cause error) verdict {
	v := verdict{late: signalcast.ErrDeliveryTimeout, deadline: time.Now().Add(-w.timeout)}
	switch {
	case w.ctx.Err() != nil:
		v.all = kafkabus.Closed(explain(cause))
	case cause == nil:
	case permanent(cause):
		v.all = explain(cause)
	default:
		v.late = fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, explain(cause))
	}
	return v
}

// of returns why r is to be given up, or nil.
func (v *verdict) of(r *kafkabus.Record) error {
	if v.all == nil && !r.Taken.After(v.deadline) {
		return v.late
	}
	return v.all
}
