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
	// are sent as they are. For messages that go through an outbox, and for dead letters, also give the dispatcher
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

	sendings                          sync.Pool // of *sending
	sendOperations, processOperations sync.Map  // topic → *operation

	mu           sync.Mutex
	dispatchers  []*signalcast.Dispatcher
	consumers    []*consume.Consumer
	relays       []*outbox.Relay
	outboxStatus func(context.Context) (outbox.Status, error) // nil without ObserveOutbox
	watchers     []*configfile.Watcher
	routes       map[routeKey]*routeOptions
}

// New returns a Telemetry. It returns an error that wraps ErrNoSystem, or an error of the MeterProvider.
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

// Close removes the metrics of all observed dispatchers, consumers, watchers, relays and the outbox. Wrapped backends and Handle
// continue to record spans and durations.
func (t *Telemetry) Close() error {
	if err := t.registration.Unregister(); err != nil {
		return fmt.Errorf("close telemetry: %w", err)
	}
	return nil
}

// operation has the parts of spans and durations that are the same for every message of a topic.
type operation struct {
	spanName    string
	spanOptions []trace.SpanStartOption
	succeeded   []metric.RecordOption // with all attributes of a success
	attributes  []attribute.KeyValue  // of a failure, which also has error.type
}

// operation returns the operation on a topic. known has the operations with the given name, by topic.
func (t *Telemetry) operation(known *sync.Map, name string, kind trace.SpanKind, topic string) *operation {
	if o, ok := known.Load(topic); ok {
		return o.(*operation) //nolint:forcetypeassert // nothing else is stored
	}
	attributes := []attribute.KeyValue{keySystem.String(t.config.System), keyOperationName.String(name), keyDestination.String(topic)}
	o, _ := known.LoadOrStore(topic, &operation{
		spanName:    name + " " + topic,
		spanOptions: []trace.SpanStartOption{trace.WithSpanKind(kind), trace.WithAttributes(append(attributes, keyOperationType.String(name))...)},
		succeeded:   []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(attributes...))},
		attributes:  attributes,
	})
	return o.(*operation) //nolint:forcetypeassert // nothing else is stored
}

// record records the duration of an operation. errorType is empty after success.
func (o *operation) record(ctx context.Context, h metric.Float64Histogram, seconds float64, errorType string) {
	if errorType == "" {
		h.Record(ctx, seconds, o.succeeded...)
		return
	}
	h.Record(ctx, seconds, metric.WithAttributes(append(o.attributes, keyErrorType.String(errorType))...))
}

// errorType returns the value of the attribute error.type, which is one of a few. It returns "" if err is nil.
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
