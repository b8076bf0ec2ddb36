package otelsignalcast

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
)

// Config configures a Telemetry.
type Config struct {
	// System is the kind of broker: "kafka", "redis". It is required, and is the attribute messaging.system.
	System string
	// TracerProvider makes the spans. Nil means the global one at the time of New.
	TracerProvider trace.TracerProvider
	// MeterProvider makes the metrics. Nil means the global one at the time of New.
	MeterProvider metric.MeterProvider
	// RootSpans starts a trace for a message that belongs to none. By default, such a message has no span.
	RootSpans bool
	// Propagate adds the trace of its span to each message, so that consumers can continue it. By default, messages
	// are sent as they are. The trace of messages that go through an outbox, and of dead letters, needs
	// [Telemetry.TraceContext].
	Propagate bool
}

// ErrNoSystem means that Config.System is empty.
var ErrNoSystem = errors.New("found no System; want the kind of broker, such as kafka or redis")

// Telemetry makes spans and metrics for one kind of broker. A service with two kinds has a Telemetry for each.
// All methods are safe for concurrent use.
type Telemetry struct {
	config       Config
	tracer       trace.Tracer
	instruments  *instruments
	registration metric.Registration

	sendings        sync.Pool // of *sending
	sent, processed sync.Map  // *operation by topic

	mu          sync.Mutex
	dispatchers []*signalcast.Dispatcher
	consumers   []*consume.Consumer
	relays      []*outbox.Relay
	outbox      func(context.Context) (outbox.Status, error) // nil without ObserveOutbox
	watchers    []*configfile.Watcher
	routes      map[routeKey]*routeOptions
}

// New returns a Telemetry. The error is ErrNoSystem, or one of the MeterProvider.
func New(c Config) (*Telemetry, error) {
	if c.System == "" {
		return nil, fmt.Errorf("new telemetry: %w", ErrNoSystem)
	}
	if c.TracerProvider == nil {
		c.TracerProvider = otel.GetTracerProvider()
	}
	if c.MeterProvider == nil {
		c.MeterProvider = otel.GetMeterProvider()
	}
	version := signalcast.Version()
	meter := c.MeterProvider.Meter(scope, metric.WithInstrumentationVersion(version), metric.WithSchemaURL(schemaURL))
	t := &Telemetry{
		config: c,
		tracer: c.TracerProvider.Tracer(scope, trace.WithInstrumentationVersion(version), trace.WithSchemaURL(schemaURL)),
		routes: map[routeKey]*routeOptions{},
	}
	var err error
	if t.instruments, err = newInstruments(meter); err == nil {
		t.registration, err = meter.RegisterCallback(t.collect, t.instruments.observables...)
	}
	if err != nil {
		return nil, fmt.Errorf("new telemetry: %w", err)
	}
	return t, nil
}

// Close stops the collection of all observed metrics: those of dispatchers, consumers, watchers, relays and the outbox. Wrapped
// backends and Handle continue to record spans and durations.
func (t *Telemetry) Close() error {
	if err := t.registration.Unregister(); err != nil {
		return fmt.Errorf("close telemetry: %w", err)
	}
	return nil
}

// operation is what the spans and the metrics of one topic have in common.
type operation struct {
	span     string
	start    []trace.SpanStartOption
	measured []metric.RecordOption // without an error
	failed   []attribute.KeyValue
}

// operation returns the operation on a topic. known are those of the same name.
func (t *Telemetry) operation(known *sync.Map, name string, kind trace.SpanKind, topic string) *operation {
	if o, ok := known.Load(topic); ok {
		return o.(*operation) //nolint:forcetypeassert // nothing else is stored
	}
	attributes := []attribute.KeyValue{keySystem.String(t.config.System), keyOperation.String(name), keyDestination.String(topic)}
	o, _ := known.LoadOrStore(topic, &operation{
		span:     name + " " + topic,
		start:    []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(append(attributes, keyType.String(name))...)},
		measured: []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))},
		failed:   attributes,
	})
	return o.(*operation) //nolint:forcetypeassert // nothing else is stored
}

// record records the duration of an operation. errorType is empty after success.
func (o *operation) record(ctx context.Context, h metric.Float64Histogram, seconds float64, errorType string) {
	if errorType == "" {
		h.Record(ctx, seconds, o.measured...)
		return
	}
	h.Record(ctx, seconds, metric.WithAttributes(append(o.failed, keyError.String(errorType))...))
}

// errorType returns the attribute error.type, which has few values. It is empty without an error.
func errorType(err error) string {
	if err == nil {
		return ""
	}
	for _, known := range []struct {
		err  error
		name string
	}{
		{signalcast.ErrBufferFull, "buffer_full"},
		{signalcast.ErrTooLarge, "too_large"},
		{signalcast.ErrDeliveryTimeout, "delivery_timeout"},
		{signalcast.ErrClosed, "closed"},
		{consume.ErrPermanent, "permanent"},
		{context.DeadlineExceeded, "deadline_exceeded"},
		{context.Canceled, "canceled"},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	return otherError
}
