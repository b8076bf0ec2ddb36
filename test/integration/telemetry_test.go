//go:build integration

package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/openedx/learning"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// A trace continues through Kafka to the consumer. Both spans have the place of the record.
func TestTraceContinuesThroughKafka(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		prefix, spans := uniquePrefix(), tracetest.NewInMemoryExporter()
		createTopic(t, prefix+"-registrations", 2)
		tracers := trace.NewTracerProvider(trace.WithSyncer(spans))
		telemetry, err := otelsignalcast.New(otelsignalcast.Config{
			System: "kafka", Propagate: true, TracerProvider: tracers, MeterProvider: metric.NewMeterProvider(),
		})
		require.NoError(t, err)
		r := newRegistrations(t, kafkaClient{client.name, func(c kafkaconfig.Config) (signalcast.Backend, error) {
			backend, err := client.new(c)
			return telemetry.Wrap(backend), err
		}}, prefix)

		ctx, caller := tracers.Tracer("test").Start(t.Context(), "caller")
		require.NoError(t, learning.StudentRegistrationCompleted.Send(ctx, r.registry, learning.UserEvent{
			User: learning.UserData{ID: 1, PII: learning.UserPersonalData{Username: "ada"}},
		}))
		caller.End()
		received, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		consumer, err := consume.New(openedxRegistry(t), kafkaSource(t, prefix, prefix+"-registrations"), consume.Config{
			HandleAll: true,
			Handle: func(ctx context.Context, e *signalcast.Received) error {
				defer stop()
				return telemetry.Handle(ctx, e)
			},
		})
		require.NoError(t, err)
		require.NoError(t, consumer.Run(received))

		got := spans.GetSpans()
		require.Len(t, got, 3)
		send, process := got[0], got[2]
		require.Equal(t, "send "+prefix+"-registrations", send.Name)
		require.Equal(t, "process "+prefix+"-registrations", process.Name)
		require.Equal(t, caller.SpanContext().SpanID(), send.Parent.SpanID())
		require.Equal(t, send.SpanContext.SpanID(), process.Parent.SpanID())
		require.Equal(t, caller.SpanContext().TraceID(), process.SpanContext.TraceID())
		for _, key := range []attribute.Key{"messaging.destination.partition.id", "messaging.kafka.offset", "cloudevents.event_id"} {
			require.Equal(t, value(t, send.Attributes, key), value(t, process.Attributes, key), key)
		}
	})
}

// value returns the attribute with a key.
func value(t *testing.T, attributes []attribute.KeyValue, key attribute.Key) attribute.Value {
	t.Helper()
	set := attribute.NewSet(attributes...)
	v, ok := set.Value(key)
	require.True(t, ok, key)
	return v
}
