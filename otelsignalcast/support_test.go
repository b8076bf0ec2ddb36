package otelsignalcast_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	source "github.com/signalcast/signalcast/consume/memory"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// patience is how long tests wait for a condition that must become true.
const patience = 30 * time.Second

type order struct {
	Number string `avro:"number"`
}

var orderPlaced = signalcast.NewSignal[order]("org.example.order.placed.v1")

// secret is the key and the data of every event. It must not be in spans and metrics.
const secret = "N-4711"

// lab is a service with OpenTelemetry's SDK.
type lab struct {
	*otelsignalcast.Telemetry

	tracers *trace.TracerProvider
	spans   *tracetest.InMemoryExporter
	metrics *metric.ManualReader

	bus        *memory.Backend
	registry   *signalcast.Registry
	dispatcher *signalcast.Dispatcher
}

// newLab returns a service that sends orders to the topic "orders" of a memory backend. It is not open yet.
func newLab(t *testing.T, c otelsignalcast.Config) *lab {
	t.Helper()
	l := &lab{spans: tracetest.NewInMemoryExporter(), metrics: metric.NewManualReader(), bus: memory.New(memory.WithBuffer(10, 1000))}
	l.tracers = trace.NewTracerProvider(trace.WithSyncer(l.spans))
	c.System, c.TracerProvider = "memory", l.tracers
	c.MeterProvider = metric.NewMeterProvider(metric.WithReader(l.metrics))
	var err error
	l.Telemetry, err = otelsignalcast.New(c)
	require.NoError(t, err)
	l.registry = signalcast.NewRegistry()
	require.NoError(t, l.registry.Register(orderPlaced))
	return l
}

// open starts the dispatcher with a wrapped backend.
func (l *lab) open(t *testing.T, opts ...signalcast.DispatcherOption) {
	t.Helper()
	var err error
	l.dispatcher, err = signalcast.NewDispatcher(t.Context(), l.registry, signalcast.ProducerConfig{
		orderPlaced.EventType(): {"orders": {EventKeyField: new("number"), Enabled: new(true)}},
	}, l.Wrap(l.bus), opts...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.dispatcher.Close(context.WithoutCancel(t.Context()))) })
	l.Observe(l.dispatcher)
}

// receive runs a consumer with a receiver until the test ends. The consumer is observed.
func (l *lab) receive(t *testing.T, c consume.Config, receiver func(context.Context, signalcast.Event[order]) error) *source.Source {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(orderPlaced))
	_, err := orderPlaced.Connect(registry, receiver)
	require.NoError(t, err)
	from := source.NewSource(l.bus, "invoices", "orders")
	c.Handle = l.Handle
	consumer, err := consume.New(registry, from, c)
	require.NoError(t, err)
	l.ObserveConsumer(consumer)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return from
}

// handled blocks until the messages that were published are acknowledged.
func handled(t *testing.T, from *source.Source) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, from.Wait(ctx))
}

// inSpan returns a context with a span of a caller.
func (l *lab) inSpan(t *testing.T) (context.Context, tracetest.SpanStub) {
	t.Helper()
	ctx, span := l.tracers.Tracer("test").Start(t.Context(), "caller")
	span.End()
	stub := l.spans.GetSpans()[0]
	l.spans.Reset()
	return ctx, stub
}

// span returns the only span with a name.
func (l *lab) span(t *testing.T, name string) tracetest.SpanStub {
	t.Helper()
	found := l.named(name)
	require.Len(t, found, 1, name)
	return found[0]
}

// named returns the spans with a name, in the order of their ends. The span of a message can end after those of its consumer.
func (l *lab) named(name string) []tracetest.SpanStub {
	var found []tracetest.SpanStub
	for _, s := range l.spans.GetSpans() {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

func attributes(list []attribute.KeyValue) map[string]any {
	values := map[string]any{}
	for _, a := range list {
		values[string(a.Key)] = a.Value.AsInterface()
	}
	return values
}

// values returns all data points without fractions, each under the name and the attributes of the metric, without
// messaging.system. The value of a histogram is its count.
func (l *lab) values(t *testing.T) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, l.metrics.Collect(t.Context(), &all))
	values := map[string]int64{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				points(values, m.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				points(values, m.Name, data.DataPoints)
			case metricdata.Gauge[float64]:
				points(values, m.Name, data.DataPoints)
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					values[name(m.Name, p.Attributes)] = int64(p.Count)
				}
			default:
				require.Failf(t, "unknown kind of metric", "%s: %T", m.Name, data)
			}
		}
	}
	return values
}

func points[N int64 | float64](values map[string]int64, metric string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		values[name(metric, p.Attributes)] = int64(p.Value)
	}
}

func name(metric string, attributes attribute.Set) string {
	own, _ := attributes.Filter(func(a attribute.KeyValue) bool { return a.Key != "messaging.system" })
	return metric + "{" + own.Encoded(attribute.DefaultEncoder()) + "}"
}
