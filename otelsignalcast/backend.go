package otelsignalcast

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalcast/signalcast"
)

// Wrap returns a backend that publishes to b. It records how long each message takes, from Publish to its outcome or rejection, as a
// duration and as a span "send {topic}" of kind producer. The parent of the span is the span in the context of Publish, or else the
// trace that the message carries, as messages from an outbox do. Without a parent, there is a span only if Config.RootSpans is set.
//
// The returned backend owns b. b must call done exactly once for each accepted message.
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
	s.done, s.startTime, s.ctx = done, time.Now(), context.Background()
	s.operation = b.telemetry.operation(&b.telemetry.sendOperations, operationSend, trace.SpanKindProducer, m.Topic)
	ctx, m = s.startSpan(ctx, m)
	err := b.Backend.Publish(ctx, m, s.boundComplete)
	if err != nil {
		s.record(signalcast.Receipt{}, err)
		s.free()
	}
	return err //nolint:wrapcheck // Wrap does not change errors
}

// sending is the state of one call of Publish until the outcome.
type sending struct {
	telemetry *Telemetry
	operation *operation
	done      func(signalcast.Receipt, error) // of the caller of Publish; nil after the outcome
	startTime time.Time
	ctx       context.Context      //nolint:containedctx // context of the span, for exemplars; context.Background() without a span
	span      trace.Span           // nil without a span
	event     *signalcast.Metadata // nil without a span
	message   signalcast.Message   // a copy of the message, with the trace of the span; only with Config.Propagate

	boundComplete func(signalcast.Receipt, error) // s.complete, bound once to save an allocation for each message
}

// newSending returns a sending from the pool, or a new one. A message without a span allocates nothing if the pool has one.
func (t *Telemetry) newSending() *sending {
	if s, ok := t.sendings.Get().(*sending); ok {
		return s
	}
	s := &sending{telemetry: t}
	s.boundComplete = s.complete
	return s
}

// free returns s to the pool.
func (s *sending) free() {
	*s = sending{telemetry: s.telemetry, boundComplete: s.boundComplete}
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
	ctx, s.span = t.tracer.Start(ctx, s.operation.spanName, s.operation.spanOptions...)
	s.ctx, s.event = ctx, &m.Event.Metadata
	if t.config.Propagate {
		s.message = *m
		s.message.Trace = t.TraceContext(ctx)
		m = &s.message
	}
	return ctx, m
}

// complete is the done function of the wrapped backend, which may read the message until complete returns.
func (s *sending) complete(receipt signalcast.Receipt, err error) {
	if s.done == nil {
		return // the backend called done twice; this check fails if s already serves another message
	}
	s.record(receipt, err)
	s.done(receipt, err)
	s.free()
}

// record records the duration of the message, and ends its span.
func (s *sending) record(receipt signalcast.Receipt, err error) {
	kind := errorType(err)
	s.operation.record(s.ctx, s.telemetry.instruments.sendDuration, time.Since(s.startTime).Seconds(), kind)
	if s.span != nil {
		endSpan(s.span, s.event, receipt, kind)
	}
}
