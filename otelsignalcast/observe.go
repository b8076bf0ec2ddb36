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
// event. The metrics of several dispatchers are added up where their attributes are equal. Those of buffers, troubles, switches
// and invalid events always are: no attribute tells the dispatchers apart.
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
	if t.outboxStatus == nil {
		return nil
	}
	return t.collectOutbox(ctx, o)
}

// observeOptions are the attributes of a measurement.
type observeOptions = []metric.ObserveOption

// withSystem returns the given attributes and the system.
func (t *Telemetry) withSystem(attributes ...attribute.KeyValue) observeOptions {
	return observeOptions{metric.WithAttributes(append(attributes, keySystem.String(t.config.System))...)}
}

type routeKey struct{ eventType, topic string }

// routeOptions are the attributes of the metrics of a route.
type routeOptions struct{ all, delivered, failed observeOptions }

// routeOptions returns the attributes of a route. It makes them once for each route: that is the slowest part of a collection.
func (t *Telemetry) routeOptions(key routeKey) *routeOptions {
	if known := t.routes[key]; known != nil {
		return known
	}
	topic, eventType, operation := keyDestination.String(key.topic), keyEventType.String(key.eventType), keyOperationName.String(operationSend)
	r := &routeOptions{
		all:       t.withSystem(topic, eventType),
		delivered: t.withSystem(topic, eventType, operation, keyOutcome.String(outcomeDelivered)),
		failed:    t.withSystem(topic, eventType, operation, keyOutcome.String(outcomeFailed)),
	}
	t.routes[key] = r
	return r
}

func (t *Telemetry) collectRoutes(o metric.Observer, d *signalcast.Dispatcher) {
	i := t.instruments
	for _, r := range d.RouteStats() {
		route := t.routeOptions(routeKey{r.EventType, r.Topic})
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
	o.ObserveInt64(i.invalid, d.Stats().Invalid, t.withSystem()...)
}

func (t *Telemetry) collectHealth(o metric.Observer, d *signalcast.Dispatcher) {
	i, health, all := t.instruments, d.Health(), t.withSystem()
	o.ObserveInt64(i.troubles, int64(len(health.Troubles)), all...)
	o.ObserveInt64(i.switches, int64(len(health.Switches)), all...)
	t.collectBuffer(o, bufferMain, health.Buffer)
	t.collectBuffer(o, bufferDeadLetters, health.DeadLetterBuffer)
}

// collectBuffer observes the use of a buffer, for each limit that the backend reports.
func (t *Telemetry) collectBuffer(o metric.Observer, name string, usage signalcast.BufferUsage) {
	i, buffer := t.instruments, t.withSystem(keyBuffer.String(name))
	if usage.MaxMessages > 0 {
		o.ObserveInt64(i.buffer, int64(usage.Messages), buffer...)
		o.ObserveInt64(i.bufferLimit, int64(usage.MaxMessages), buffer...)
	}
	if usage.MaxBytes > 0 {
		o.ObserveInt64(i.bufferBytes, usage.Bytes, buffer...)
		o.ObserveInt64(i.bufferBytesLimit, usage.MaxBytes, buffer...)
	}
}

func (t *Telemetry) collectConsumer(o metric.Observer, c *consume.Consumer) {
	i, status := t.instruments, c.Status()
	group := keyGroup.String(status.Group)
	o.ObserveInt64(i.consumerRetrying, int64(len(status.Retrying)), t.withSystem(group)...)
	o.ObserveInt64(i.consumerTroubles, int64(len(status.Troubles)), t.withSystem(group)...)
	for _, f := range status.Feeds {
		feed := t.withSystem(group, keyDestination.String(f.Topic), keyPartition.String(strconv.Itoa(int(f.Partition))))
		if f.Lag >= 0 {
			o.ObserveInt64(i.consumerLag, f.Lag, feed...)
		}
		age := 0.0
		if !f.Oldest.IsZero() {
			age = max(time.Since(f.Oldest).Seconds(), 0)
		}
		o.ObserveFloat64(i.consumerOldestAge, age, feed...)
	}
	for topic, s := range c.Stats().Topics {
		all := []attribute.KeyValue{group, keyDestination.String(topic)}
		o.ObserveInt64(i.consumerLost, s.Lost, t.withSystem(all...)...)
		o.ObserveInt64(i.consumerFailed, s.Failed, t.withSystem(all...)...)
		o.ObserveInt64(i.consumerPending, s.Pending, t.withSystem(all...)...)
		for outcome, n := range map[string]int64{
			outcomeHandled: s.Handled, outcomeSkipped: s.Skipped, outcomeDeadLettered: s.DeadLettered, outcomeDropped: s.Dropped,
		} {
			o.ObserveInt64(i.consumed, n, t.withSystem(append(all, keyOperationName.String(operationProcess), keyOutcome.String(outcome))...)...)
		}
	}
}

func (t *Telemetry) collectWatcher(o metric.Observer, w *configfile.Watcher) {
	i, status, all := t.instruments, w.Status(), t.withSystem()
	successful := int64(1)
	if status.Err != nil {
		successful = 0
	}
	o.ObserveInt64(i.generation, int64(status.Generation), all...)
	o.ObserveInt64(i.reloadSuccessful, successful, all...)
	const millisecondsPerSecond = 1e3
	o.ObserveFloat64(i.reloadTime, float64(status.LoadedAt.UnixMilli())/millisecondsPerSecond, all...)
}
