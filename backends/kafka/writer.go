package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// writer queues each record at its partition.
type writer struct {
	cluster  *cluster
	encoder  encoder
	timeout  time.Duration
	maxAge   time.Duration // of the number of partitions of a topic
	maxBytes int
	troubles *backendkit.Troubles

	// running counts the goroutines, which end when stop ends ctx.
	ctx     context.Context //nolint:containedctx // the life of the goroutines
	stop    context.CancelFunc
	running sync.WaitGroup
	mu      sync.Mutex
	topics  map[string]*topic
	// slots bounds the batches in flight to each broker, and with them the connections, so that
	// a broker that hangs does not delay others. The key is the ID of the broker.
	slots map[int32]chan struct{}
	key   []byte // the memory of the last key, for the next
}

// batchesInFlight is the number of partitions of one broker that are written at the same time.
const batchesInFlight = 16

func newWriter(c kafkabus.Config, troubles *backendkit.Troubles) *writer {
	w := &writer{
		cluster: newCluster(c), encoder: newEncoder(c.Compression), timeout: c.DeliveryTimeout, maxAge: c.MetadataMaxAge, maxBytes: c.MaxMessageBytes, troubles: troubles,
		slots: map[int32]chan struct{}{}, topics: map[string]*topic{},
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
	if r.Accepted.Sub(t.discovered) >= w.maxAge {
		w.startDiscovering(t, false)
	}
	if len(t.partitions) == 0 || t.leaving > 0 {
		t.backlog = append(t.backlog, r)
		return
	}
	w.assign(t, r)
}

// Topics implements [kafkabus.Writer].
func (w *writer) Topics(ctx context.Context, names []string) (map[string]error, error) {
	return w.cluster.topics(ctx, names)
}

// Close implements [kafkabus.Writer].
func (w *writer) Close() {
	w.cluster.wire.Stop()
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

// slotsOf returns the slots of the broker that leads a partition.
func (w *writer) slotsOf(p *partition) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	slots := w.slots[p.leader]
	if slots == nil {
		slots = make(chan struct{}, batchesInFlight)
		w.slots[p.leader] = slots
	}
	return slots
}

// verdict is the decision about records that could not be written: the error of records that
// timed out, and the error of all others. A nil error means that they are retried.
type verdict struct {
	all, late error
	deadline  time.Time // records that were accepted until then timed out
}

// verdictOn returns the verdict after a failure with the given cause.
func (w *writer) verdictOn(cause error) verdict {
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

// of returns the error of r, or nil if r is retried.
func (v *verdict) of(r *kafkabus.Record) error {
	if v.all == nil && !r.Accepted.After(v.deadline) {
		return v.late
	}
	return v.all
}
