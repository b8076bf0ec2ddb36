package otelsignalcast_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/otelsignalcast"
)

// One trace has the span of an HTTP handler, that of the message, that of the consumer, and what the receiver does.
func TestTraceContinuesFromTheHandlerToTheReceiver(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{Propagate: true})
	l.open(t)
	tracer := l.tracers.Tracer("test")
	from := l.receive(t, consume.Config{}, func(ctx context.Context, _ signalcast.Event[order]) error {
		_, span := tracer.Start(ctx, "write invoice")
		span.End()
		return nil
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := tracer.Start(r.Context(), "POST /orders")
		defer span.End()
		if err := orderPlaced.Send(ctx, l.registry, order{secret}); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
	require.NoError(t, err)
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	handled(t, from)
	server.Close() // ends the handler's span

	handler, send := l.span(t, "POST /orders"), l.span(t, "send orders")
	process, receiver := l.span(t, "process orders"), l.span(t, "write invoice")
	for _, step := range []struct{ parent, child tracetest.SpanStub }{{handler, send}, {send, process}, {process, receiver}} {
		require.Equal(t, step.parent.SpanContext.SpanID(), step.child.Parent.SpanID(), step.child.Name)
		require.Equal(t, handler.SpanContext.TraceID(), step.child.SpanContext.TraceID(), step.child.Name)
	}
	require.Len(t, process.Links, 1)
	require.Equal(t, send.SpanContext.SpanID(), process.Links[0].SpanContext.SpanID())

	event := l.bus.Messages()[0].Event
	require.Equal(t, trace.SpanKindProducer, send.SpanKind)
	require.Equal(t, map[string]any{
		"messaging.system": "memory", "messaging.operation.name": "send", "messaging.operation.type": "send",
		"messaging.destination.name": "orders", "messaging.message.id": "1",
		"cloudevents.event_id": event.ID.String(), "cloudevents.event_type": orderPlaced.EventType(),
	}, attributes(send.Attributes))
	require.Equal(t, trace.SpanKindConsumer, process.SpanKind)
	require.Equal(t, map[string]any{
		"messaging.system": "memory", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"messaging.destination.name": "orders", "messaging.message.id": "1",
		"cloudevents.event_id": event.ID.String(), "cloudevents.event_type": orderPlaced.EventType(),
	}, attributes(process.Attributes))
}

func TestMessageOutsideATraceHasNoSpan(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{Propagate: true})
	l.open(t)
	from := l.receive(t, consume.Config{}, func(context.Context, signalcast.Event[order]) error { return nil })
	require.NoError(t, orderPlaced.Send(t.Context(), l.registry, order{secret}))
	handled(t, from)
	require.Empty(t, l.spans.GetSpans())
	require.Nil(t, l.bus.Messages()[0].Trace)
}

func TestRootSpansStartTraces(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{RootSpans: true})
	l.open(t)
	from := l.receive(t, consume.Config{}, func(context.Context, signalcast.Event[order]) error { return nil })
	require.NoError(t, orderPlaced.Send(t.Context(), l.registry, order{secret}))
	handled(t, from)
	require.Nil(t, l.bus.Messages()[0].Trace, "without Propagate, the message has no trace")
	send, process := l.span(t, "send orders"), l.span(t, "process orders")
	require.False(t, send.Parent.IsValid())
	require.False(t, process.Parent.IsValid())
	require.Empty(t, process.Links)
}

// Messages of an outbox are published by a relay, whose context has no span.
func TestMessageOfAnOutboxContinuesItsOwnTrace(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{Propagate: true})
	ctx, caller := l.inSpan(t)
	require.Nil(t, l.TraceContext(t.Context()))
	m := &signalcast.Message{Topic: "orders", Event: &signalcast.Envelope{}, Trace: l.TraceContext(ctx)}
	require.NotNil(t, m.Trace)
	require.NoError(t, l.Wrap(l.bus).Publish(t.Context(), m, func(signalcast.Receipt, error) {}))
	send := l.span(t, "send orders")
	require.Equal(t, caller.SpanContext.SpanID(), send.Parent.SpanID())
	require.Contains(t, l.bus.Messages()[0].Trace.TraceParent, send.SpanContext.SpanID().String())
	require.Contains(t, m.Trace.TraceParent, caller.SpanContext.SpanID().String(), "the dispatcher's message is read-only")
}

func TestHandleWithoutAConsumerCallsTheReceivers(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{RootSpans: true})
	received := ""
	_, err := orderPlaced.Connect(l.registry, func(_ context.Context, e signalcast.Event[order]) error {
		received = e.Data.Number
		return nil
	})
	require.NoError(t, err)
	e, err := l.registry.Decode(signalcast.Metadata{EventType: orderPlaced.EventType()}, nil, []byte{2, 'a'})
	require.NoError(t, err)
	require.NoError(t, l.Handle(t.Context(), e))
	require.Equal(t, "a", received)
	require.Empty(t, l.spans.GetSpans())
}

// twice reports two outcomes, against the contract of backends.
type twice struct{ signalcast.Backend }

func (twice) Publish(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
	done(signalcast.Receipt{}, nil)
	done(signalcast.Receipt{}, signalcast.ErrClosed)
	return nil
}

func TestSecondOutcomeIsIgnored(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{RootSpans: true})
	outcomes := 0
	m := &signalcast.Message{Topic: "orders", Event: &signalcast.Envelope{}}
	require.NoError(t, l.Wrap(twice{}).Publish(t.Context(), m, func(signalcast.Receipt, error) { outcomes++ }))
	require.Equal(t, 1, outcomes)
	require.Len(t, l.spans.GetSpans(), 1)
}

// placed acknowledges every message at one place of a Kafka topic.
type placed struct{ signalcast.Backend }

func (placed) Publish(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
	done(signalcast.Receipt{Partition: 3, Offset: 42, HasOffset: true}, nil)
	return nil
}

func TestSpanHasThePlaceOfTheMessage(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{RootSpans: true})
	m := &signalcast.Message{Topic: "orders", Event: &signalcast.Envelope{}}
	require.NoError(t, l.Wrap(placed{}).Publish(t.Context(), m, func(signalcast.Receipt, error) {}))
	got := attributes(l.span(t, "send orders").Attributes)
	require.Equal(t, "3", got["messaging.destination.partition.id"])
	require.EqualValues(t, 42, got["messaging.kafka.offset"])
}

func TestDeadLetterKeepsTheTraceOfItsSender(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	l.open(t, signalcast.WithTraceContext(l.TraceContext), signalcast.WithDeadLetter("dead"))
	l.bus.Inject(memory.Fault{Topic: "orders", Err: errors.New(secret)})
	ctx, caller := l.inSpan(t)
	require.Error(t, orderPlaced.Send(ctx, l.registry, order{secret}))
	require.NoError(t, l.dispatcher.Flush(t.Context()))
	require.Equal(t, caller.SpanContext.SpanID(), l.span(t, "send orders-dead").Parent.SpanID())
}

func TestSpanOfAFailureHasItsTypeWithoutItsText(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err  error
		want string
	}{
		"timeout": {signalcast.ErrDeliveryTimeout, "delivery_timeout"},
		"closed":  {signalcast.ErrClosed, "closed"},
		"other":   {errors.New(secret), "_OTHER"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, otelsignalcast.Config{})
			l.open(t)
			l.bus.Inject(memory.Fault{Err: test.err})
			ctx, _ := l.inSpan(t)
			require.ErrorIs(t, orderPlaced.Send(ctx, l.registry, order{secret}), test.err)
			requireFailure(t, l.span(t, "send orders"), test.want)
			require.EqualValues(t, 1, l.values(t)["messaging.client.operation.duration{error.type="+test.want+
				",messaging.destination.name=orders,messaging.operation.name=send}"])
		})
	}
}

func TestSpanOfARejectedMessageEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{})
	l.open(t)
	ctx, _ := l.inSpan(t)
	require.ErrorIs(t, orderPlaced.Send(ctx, l.registry, order{string(make([]byte, 1001))}), signalcast.ErrTooLarge)
	requireFailure(t, l.span(t, "send orders"), "too_large")
}

func requireFailure(t *testing.T, span tracetest.SpanStub, errorType string) {
	t.Helper()
	require.Equal(t, errorType, attributes(span.Attributes)["error.type"])
	require.Equal(t, codes.Error, span.Status.Code)
	require.Empty(t, span.Status.Description, "the text of an error can contain event data")
	require.Empty(t, span.Events)
}

// Each attempt has a span. The second one succeeds.
func TestEachAttemptHasASpan(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{Propagate: true})
	l.open(t)
	attempts := 0
	from := l.receive(t, consume.Config{Concurrency: 1, Retry: consume.Retry{Min: time.Millisecond, Max: time.Millisecond}},
		func(context.Context, signalcast.Event[order]) error {
			if attempts++; attempts == 1 {
				return errors.New(secret)
			}
			return nil
		})
	ctx, _ := l.inSpan(t)
	require.NoError(t, orderPlaced.Send(ctx, l.registry, order{secret}))
	handled(t, from)
	send, attempt := l.span(t, "send orders"), l.named("process orders")
	require.Len(t, attempt, 2)
	requireFailure(t, attempt[0], "_OTHER")
	require.Equal(t, codes.Unset, attempt[1].Status.Code)
	require.Equal(t, send.SpanContext.SpanID(), attempt[1].Parent.SpanID())
}

func TestSpanEndsWithTheGoroutineOfAReceiver(t *testing.T) {
	t.Parallel()
	l := newLab(t, otelsignalcast.Config{RootSpans: true})
	l.open(t)
	first := true
	from := l.receive(t, consume.Config{Concurrency: 1, Retry: consume.Retry{Min: time.Millisecond, Max: time.Millisecond}},
		func(context.Context, signalcast.Event[order]) error {
			if first {
				first = false
				runtime.Goexit()
			}
			return nil
		})
	require.NoError(t, orderPlaced.Send(t.Context(), l.registry, order{secret}))
	handled(t, from)
	attempt := l.named("process orders")
	require.Len(t, attempt, 2)
	requireFailure(t, attempt[0], "_OTHER")
}
