package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// writer gives each record to the partition it belongs to.
type writer struct {
	cluster  *cluster
	timeout  time.Duration
	maxBytes int
	log      *slog.Logger

	// running counts the goroutines that stop ends by ending ctx.
	ctx     context.Context //nolint:containedctx // the life of the goroutines
	stop    context.CancelFunc
	running sync.WaitGroup
	// slots bounds the batches in flight to all brokers, and so the connections.
	slots chan struct{}

	mu     sync.Mutex
	topics map[string]*topic
}

// topic is what is known of a topic.
type topic struct {
	name       string
	partitions []*partition // empty while their number is not known
	asked      time.Time    // when the number was last asked for
	asking     bool
	backlog    []*kafkabus.Record // waits for the number
}

const (
	// batchesInFlight is how many partitions are written to at the same time.
	batchesInFlight = 16
	// partitionsAge is how old the number of a topic's partitions may get while
	// it is in use.
	partitionsAge = 5 * time.Second
)

func newWriter(c kafkabus.Config) *writer {
	w := &writer{
		cluster: newCluster(c), timeout: c.DeliveryTimeout, maxBytes: c.MaxMessageBytes, log: c.Logger,
		slots: make(chan struct{}, batchesInFlight), topics: map[string]*topic{},
	}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// Write implements [kafkabus.Writer].
func (w *writer) Write(r *kafkabus.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.topics[r.Topic]
	if t == nil {
		t = &topic{name: r.Topic}
		w.topics[r.Topic] = t
	}
	if !t.asking && time.Since(t.asked) >= partitionsAge {
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
func (w *writer) assign(t *topic, r *kafkabus.Record) {
	p := t.partitions[kafkabus.Partition(r.Key, len(t.partitions))]
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
		for r, cause := range failed {
			r.Failed(signalcast.NotWritten, cause)
		}
		if over {
			return
		}
		if repeats == 0 && w.ctx.Err() == nil {
			w.log.WarnContext(w.ctx, "topic is not available", slog.String("topic", t.name), slog.Any("error", err))
		}
		w.cluster.refresh()
		_ = kafkabus.Pause(w.ctx, repeats) // the next answer tells that ctx has ended
	}
}

// learnt takes an answer to the question how many partitions a topic has. It
// returns the records to give up, with the reason, and whether nobody waits any more.
func (w *writer) learnt(t *topic, n int, err error) (failed map[*kafkabus.Record]error, over bool) {
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
	failed = map[*kafkabus.Record]error{}
	t.backlog = slices.DeleteFunc(t.backlog, func(r *kafkabus.Record) bool {
		cause := w.verdict(r, err)
		if cause != nil {
			failed[r] = cause
		}
		return cause != nil
	})
	t.asking = len(t.backlog) > 0
	return failed, !t.asking
}

// verdict says why a record is to be given up, given why it could not be written
// by now. Nil means that it is to be tried again.
func (w *writer) verdict(r *kafkabus.Record, cause error) error {
	switch {
	case w.ctx.Err() != nil:
		return kafkabus.Closed(explain(cause))
	case permanent(cause):
		return explain(cause)
	case time.Since(r.Taken) < w.timeout:
		return nil
	case cause == nil:
		return kafkabus.ErrDeliveryTimeout
	default:
		return fmt.Errorf("%w: %w", kafkabus.ErrDeliveryTimeout, explain(cause))
	}
}
