package otelsignalcast_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// discard acknowledges every message at once.
type discard struct{ signalcast.Backend }

func (discard) Prepare(context.Context, []signalcast.Route) error { return nil }

func (discard) Publish(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
	done(signalcast.Receipt{HasOffset: true}, nil)
	return nil
}

func (discard) Close(context.Context) error { return nil }

// withoutSDK has no spans and no metrics, so that the cost of the wrapper remains.
func withoutSDK() otelsignalcast.Config {
	return otelsignalcast.Config{System: "test", TracerProvider: nooptrace.NewTracerProvider(), MeterProvider: noopmetric.NewMeterProvider()}
}

// withSDK has metrics, and spans if there is a sampler. The context then has a span of a caller.
func withSDK(tb testing.TB, sampler trace.Sampler) (context.Context, otelsignalcast.Config) {
	tb.Helper()
	ctx := tb.Context()
	c := withoutSDK()
	c.MeterProvider = metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))
	if sampler != nil {
		tracers := trace.NewTracerProvider(trace.WithSampler(sampler))
		c.TracerProvider = tracers
		ctx, _ = tracers.Tracer("test").Start(ctx, "caller")
	}
	return ctx, c
}

// publish returns a function that publishes a message.
func publish(ctx context.Context, tb testing.TB, c otelsignalcast.Config) func() {
	tb.Helper()
	telemetry, err := otelsignalcast.New(c)
	require.NoError(tb, err)
	backend := telemetry.Wrap(discard{})
	m := &signalcast.Message{Topic: "orders", Event: &signalcast.Envelope{Metadata: signalcast.Metadata{EventType: orderPlaced.EventType()}}}
	done := func(signalcast.Receipt, error) {}
	return func() {
		if err := backend.Publish(ctx, m, done); err != nil {
			tb.Error(err)
		}
	}
}

func TestMessageWithoutASpanAllocatesNothing(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts for all goroutines
	ctx, c := withSDK(t, nil)
	send := publish(ctx, t, c)
	send()
	require.Zero(t, testing.AllocsPerRun(1000, send))
}

func BenchmarkPublish(b *testing.B) {
	run := func(name string, ctx context.Context, c otelsignalcast.Config) {
		b.Run(name, func(b *testing.B) {
			send := publish(ctx, b, c)
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
		})
	}
	run("without SDK", b.Context(), withoutSDK())
	ctx, c := withSDK(b, nil)
	run("metrics", ctx, c)
	ctx, c = withSDK(b, trace.NeverSample())
	run("metrics and span unsampled", ctx, c)
	ctx, c = withSDK(b, trace.AlwaysSample())
	run("metrics and span sampled", ctx, c)
	c.Propagate = true
	run("metrics and span propagated", ctx, c)
}

func BenchmarkCollect(b *testing.B) {
	const routes = 10_000
	ctx, registry, topics := b.Context(), signalcast.NewRegistry(), map[string]signalcast.TopicConfig{}
	for i := range routes {
		topics[fmt.Sprintf("orders-%d", i)] = signalcast.TopicConfig{EventKeyField: new("number"), Enabled: new(true)}
	}
	require.NoError(b, registry.Register(orderPlaced))
	d, err := signalcast.NewDispatcher(ctx, registry, signalcast.ProducerConfig{orderPlaced.EventType(): topics}, discard{})
	require.NoError(b, err)
	reader := metric.NewManualReader()
	telemetry, err := otelsignalcast.New(otelsignalcast.Config{
		System: "test", MeterProvider: metric.NewMeterProvider(metric.WithReader(reader), metric.WithCardinalityLimit(10*routes)),
	})
	require.NoError(b, err)
	telemetry.Observe(d)
	var data metricdata.ResourceMetrics
	require.NoError(b, reader.Collect(ctx, &data))
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, reader.Collect(ctx, &data))
	}
}
