package otelsignalcast

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/signalcast/signalcast/outbox"
)

// outboxTimeout bounds the query of the database at each collection.
const outboxTimeout = 2 * time.Second

// ObserveRelay adds the metrics of a relay. They are read when metrics are collected. The metrics of several relays are added
// up.
func (t *Telemetry) ObserveRelay(r *outbox.Relay) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.relays = append(t.relays, r)
}

// ObserveOutbox adds the metrics of an outbox. status is the method Status of its store. Each collection calls status once, with a
// context that ends after 2 s at most, and so costs a query of the database. A later call of ObserveOutbox replaces the outbox.
func (t *Telemetry) ObserveOutbox(status func(context.Context) (outbox.Status, error)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.outboxStatus = status
}

func (t *Telemetry) collectRelays(o metric.Observer) {
	if len(t.relays) == 0 {
		return
	}
	i, all, leading := t.instruments, t.withSystem(), int64(0)
	var sum outbox.Stats
	for _, r := range t.relays {
		s := r.Stats()
		if s.Leading {
			leading = 1
		}
		sum.Delivered += s.Delivered
		sum.Failed += s.Failed
		sum.Parked += s.Parked
		sum.InFlight += s.InFlight
		sum.HeldLanes += s.HeldLanes
		sum.DatabaseErrors += s.DatabaseErrors
	}
	o.ObserveInt64(i.relayLeading, leading, all...)
	o.ObserveInt64(i.relayMessages, sum.Delivered, t.withSystem(keyOutcome.String(outcomeDelivered))...)
	o.ObserveInt64(i.relayMessages, sum.Failed, t.withSystem(keyOutcome.String(outcomeFailed))...)
	o.ObserveInt64(i.relayMessages, sum.Parked, t.withSystem(keyOutcome.String(outcomeParked))...)
	o.ObserveInt64(i.relayErrors, sum.DatabaseErrors, all...)
	o.ObserveInt64(i.relayInFlight, sum.InFlight, all...)
	o.ObserveInt64(i.relayHeld, sum.HeldLanes, all...)
}

func (t *Telemetry) collectOutbox(ctx context.Context, o metric.Observer) error {
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	s, err := t.outboxStatus(ctx)
	if err != nil {
		return fmt.Errorf("status of the outbox: %w", err)
	}
	i, all, age := t.instruments, t.withSystem(), 0.0
	if !s.Oldest.IsZero() {
		age = max(s.Now.Sub(s.Oldest).Seconds(), 0)
	}
	o.ObserveInt64(i.outboxPending, s.Pending, all...)
	o.ObserveInt64(i.outboxParked, s.Parked, all...)
	o.ObserveFloat64(i.outboxOldestAge, age, all...)
	return nil
}
