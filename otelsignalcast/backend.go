package otelsignalcast

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalcast/signalcast"
)

// Wrap returns a backend that publishes to b and records the duration of each message, from Publish until its outcome or
// rejection. The span "send {topic}" has kind producer. Its parent is the span in the context of Publish. Without one, the
// parent is the trace of the message, as for messages from an outbox. Without either, there is a span only if
// Config.RootSpans is set. The returned backend owns b. b must call done exactly once for each accepted message.
func (t *Telemetry) Wrap(b signalcast.Backend) signalcast.Backend {
	return &backend{b, t}
}

type backend struct {
	signalcast.Backend

	telemetry *Telemetry
}

func (b *backend) Unwrap() signalcast.Backend { return b.Backend }

func (b *backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	s := b.telemetry.newSending()
	s.done, s.start, s.ctx = done, time.Now(), context.Background()
	s.operation = b.telemetry.operation(&b.telemetry.sent, operationSend, trace.SpanKindProducer, m.Topic)
	ctx, m = s.startSpan(ctx, m)
	err := b.Backend.Publish(ctx, m, s.complete)
	if err != nil {
		s.end(signalcast.Receipt{}, err)
		s.free()
	}
	return err //nolint:wrapcheck // the wrapper does not change errors
}

// sending is the state of one call of Publish until the outcome.
type sending struct {
	telemetry *Telemetry
	operation *operation
	done      func(signalcast.Receipt, error)
	start     time.Time
	ctx       context.Context      //nolint:containedctx // of the span, for exemplars; empty without a span
	span      trace.Span           // nil without a span
	event     *signalcast.Metadata // set with span
	message   signalcast.Message   // with the trace of the span

	complete func(signalcast.Receipt, error) // the method finish, bound once
}

// newSending returns a sending from the pool, or a new one. A message without a span allocates nothing if the pool has one.
func (t *Telemetry) newSending() *sending {
	if s, ok := t.sendings.Get().(*sending); ok {
		return s
	}
	s := &sending{telemetry: t}
	s.complete = s.finish
	return s
}

func (s *sending) free() {
	*s = sending{telemetry: s.telemetry, complete: s.complete}
	s.telemetry.sendings.Put(s)
}

// startSpan starts a span if the message has a parent or Config.RootSpans is set. It returns the context and the message for
// the backend.
func (s *sending) startSpan(ctx context.Context, m *signalcast.Message) (context.Context, *signalcast.Message) {
	t := s.telemetry
	if m.Trace != nil && !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = propagation.TraceContext{}.Extract(ctx, (*carrier)(m.Trace))
	}
	if !t.config.RootSpans && !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, m
	}
	ctx, s.span = t.tracer.Start(ctx, s.operation.span, s.operation.start...)
	s.ctx, s.event = ctx, &m.Event.Metadata
	if t.config.Propagate {
		s.message = *m
		s.message.Trace = t.TraceContext(ctx)
		m = &s.message
	}
	return ctx, m
}

// finish is the done function of the wrapped backend, which may read the message until finish returns.
func (s *sending) finish(receipt signalcast.Receipt, err error) {
	if s.done == nil {
		return // b called done twice; this is noticed only until s is used again
	}
	s.end(receipt, err)
	s.done(receipt, err)
	s.free()
}

func (s *sending) end(receipt signalcast.Receipt, err error) {
	kind := errorType(err)
	s.operation.record(s.ctx, s.telemetry.instruments.sendDuration, time.Since(s.start).Seconds(), kind)
	if s.span != nil {
		endSpan(s.span, s.event, receipt, kind)
	}
}
