package otelsignalcast

import (
	"context"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
)

// Observe adds the metrics of a dispatcher. They are read when metrics are collected, and cost nothing for each
// event. The metrics of several dispatchers are added up where their attributes are equal. Buffers, troubles, switches and
// invalid events have no attributes of a dispatcher.
func (t *Telemetry) Observe(d *signalcast.Dispatcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dispatchers = append(t.dispatchers, d)
}

// ObserveConsumer adds the metrics of a consumer. They are read when metrics are collected.
func (t *Telemetry) ObserveConsumer(c *consume.Consumer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.consumers = append(t.consumers, c)
}

// ObserveWatcher adds the metrics of a watcher. They are read when metrics are collected. Observe one watcher at
// most: the metrics of a second one would overwrite those of the first.
func (t *Telemetry) ObserveWatcher(w *configfile.Watcher) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchers = append(t.watchers, w)
}

// collect is the callback of the meter. It observes every instrument except the histograms.
func (t *Telemetry) collect(ctx context.Context, o metric.Observer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range t.dispatchers {
		t.collectRoutes(o, d)
		t.collectHealth(o, d)
	}
	for _, c := range t.consumers {
		t.collectConsumer(o, c)
	}
	for _, w := range t.watchers {
		t.collectWatcher(o, w)
	}
	t.collectRelays(o)
	if t.outbox == nil {
		return nil
	}
	return t.collectOutbox(ctx, o)
}

// options are the attributes of a measurement.
type options = []metric.ObserveOption

// with returns the attributes of a measurement, together with the system.
func (t *Telemetry) with(attributes ...attribute.KeyValue) options {
	return options{metric.WithAttributes(append(attributes, keySystem.String(t.config.System))...)}
}

type routeKey struct{ eventType, topic string }

// routeOptions are the attributes of the metrics of a route.
type routeOptions struct{ all, delivered, failed options }

// route returns the attributes of a route. It keeps them: making them takes longer than all else at collection.
func (t *Telemetry) route(key routeKey) *routeOptions {
	if known := t.routes[key]; known != nil {
		return known
	}
	topic, eventType, operation := keyDestination.String(key.topic), keyEventType.String(key.eventType), keyOperation.String(operationSend)
	r := &routeOptions{
		all:       t.with(topic, eventType),
		delivered: t.with(topic, eventType, operation, keyOutcome.String(outcomeDelivered)),
		failed:    t.with(topic, eventType, operation, keyOutcome.String(outcomeFailed)),
	}
	t.routes[key] = r
	return r
}

func (t *Telemetry) collectRoutes(o metric.Observer, d *signalcast.Dispatcher) {
	i := t.instruments
	for _, r := range d.RouteStats() {
		route := t.route(routeKey{r.EventType, r.Topic})
		o.ObserveInt64(i.sent, r.Delivered, route.delivered...)
		o.ObserveInt64(i.sent, r.Failed, route.failed...)
		o.ObserveInt64(i.pending, r.Pending, route.all...)
		o.ObserveInt64(i.rejected, r.Rejected, route.all...)
		if r.DeadLetter {
			o.ObserveInt64(i.deadLetter, r.Delivered, route.all...)
			continue
		}
		o.ObserveInt64(i.suppressed, r.Suppressed, route.all...)
		o.ObserveInt64(i.stored, r.Stored, route.all...)
	}
	o.ObserveInt64(i.invalid, d.Stats().Invalid, t.with()...)
}

func (t *Telemetry) collectHealth(o metric.Observer, d *signalcast.Dispatcher) {
	i, health, all := t.instruments, d.Health(), t.with()
	o.ObserveInt64(i.troubles, int64(len(health.Troubles)), all...)
	o.ObserveInt64(i.switches, int64(len(health.Switches)), all...)
	t.collectBuffer(o, bufferMain, health.Buffer)
	t.collectBuffer(o, bufferDeadLetters, health.DeadLetterBuffer)
}

// collectBuffer observes what a backend reports of its buffer.
func (t *Telemetry) collectBuffer(o metric.Observer, name string, usage signalcast.BufferUsage) {
	i, buffer := t.instruments, t.with(keyBuffer.String(name))
	if usage.MaxMessages > 0 {
		o.ObserveInt64(i.buffer, int64(usage.Messages), buffer...)
		o.ObserveInt64(i.bufferLimit, int64(usage.MaxMessages), buffer...)
	}
	if usage.MaxBytes > 0 {
		o.ObserveInt64(i.bytes, usage.Bytes, buffer...)
		o.ObserveInt64(i.bytesLimit, usage.MaxBytes, buffer...)
	}
}

func (t *Telemetry) collectConsumer(o metric.Observer, c *consume.Consumer) {
	i, status := t.instruments, c.Status()
	group := keyGroup.String(status.Group)
	o.ObserveInt64(i.consumerRetrying, int64(len(status.Retrying)), t.with(group)...)
	o.ObserveInt64(i.consumerTroubles, int64(len(status.Troubles)), t.with(group)...)
	for _, f := range status.Feeds {
		feed := t.with(group, keyDestination.String(f.Topic), keyPartition.String(strconv.Itoa(int(f.Partition))))
		if f.Lag >= 0 {
			o.ObserveInt64(i.consumerLag, f.Lag, feed...)
		}
		age := 0.0
		if !f.Oldest.IsZero() {
			age = max(time.Since(f.Oldest).Seconds(), 0)
		}
		o.ObserveFloat64(i.consumerAge, age, feed...)
	}
	for topic, s := range c.Stats().Topics {
		all := []attribute.KeyValue{group, keyDestination.String(topic)}
		o.ObserveInt64(i.consumerLost, s.Lost, t.with(all...)...)
		o.ObserveInt64(i.consumerFailed, s.Failed, t.with(all...)...)
		o.ObserveInt64(i.consumerPending, s.Pending, t.with(all...)...)
		for outcome, n := range map[string]int64{
			outcomeHandled: s.Handled, outcomeSkipped: s.Skipped, outcomeDeadLettered: s.DeadLettered, outcomeDropped: s.Dropped,
		} {
			o.ObserveInt64(i.consumed, n, t.with(append(all, keyOperation.String(operationProcess), keyOutcome.String(outcome))...)...)
		}
	}
}

func (t *Telemetry) collectWatcher(o metric.Observer, w *configfile.Watcher) {
	i, status, all := t.instruments, w.Status(), t.with()
	successful := int64(1)
	if status.Err != nil {
		successful = 0
	}
	o.ObserveInt64(i.generation, int64(status.Generation), all...)
	o.ObserveInt64(i.reloaded, successful, all...)
	const milli = 1e3
	o.ObserveFloat64(i.reloadTime, float64(status.LoadedAt.UnixMilli())/milli, all...)
}
