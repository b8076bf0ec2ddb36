package otelsignalcast_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"

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

// publish returns a function that publishes a message, in a span of a caller if there is a sampler.
func publish(tb testing.TB, sampler trace.Sampler, propagate bool) func() {
	tb.Helper()
	ctx := tb.Context()
	tracers := trace.NewTracerProvider(trace.WithSampler(trace.NeverSample()))
	if sampler != nil {
		tracers = trace.NewTracerProvider(trace.WithSampler(sampler))
		var span interface{ IsRecording() bool }
		ctx, span = tracers.Tracer("test").Start(ctx, "caller")
		require.Equal(tb, sampler == trace.AlwaysSample(), span.IsRecording())
	}
	telemetry, err := otelsignalcast.New(otelsignalcast.Config{
		System: "test", TracerProvider: tracers, Propagate: propagate,
		MeterProvider: metric.NewMeterProvider(metric.WithReader(metric.NewManualReader())),
	})
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
	send := publish(t, nil, true)
	send()
	require.Zero(t, testing.AllocsPerRun(1000, send))
}

func BenchmarkPublish(b *testing.B) {
	for _, test := range []struct {
		name      string
		sampler   trace.Sampler
		propagate bool
	}{
		{"metrics only", nil, false},
		{"span unsampled", trace.NeverSample(), false},
		{"span sampled", trace.AlwaysSample(), false},
		{"span sampled and propagated", trace.AlwaysSample(), true},
	} {
		b.Run(test.name, func(b *testing.B) {
			send := publish(b, test.sampler, test.propagate)
			b.ReportAllocs()
			for b.Loop() {
				send()
			}
		})
	}
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
