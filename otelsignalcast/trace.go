package otelsignalcast

import (
	"context"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalcast/signalcast"
)

// TraceContext returns the trace of ctx, or nil without one. Given to [signalcast.WithTraceContext], it adds the
// trace of the sender to every message, also to those in an outbox and to dead letters.
func (t *Telemetry) TraceContext(ctx context.Context) *signalcast.TraceContext {
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	var c carrier
	propagation.TraceContext{}.Inject(ctx, &c)
	return (*signalcast.TraceContext)(&c)
}

// carrier lets a propagator read and write a trace.
type carrier signalcast.TraceContext

const (
	traceParent = "traceparent"
	traceState  = "tracestate"
)

func (c *carrier) Get(key string) string {
	if key == traceParent {
		return c.TraceParent
	}
	return c.TraceState
}

func (c *carrier) Set(key, value string) {
	switch key {
	case traceParent:
		c.TraceParent = value
	case traceState:
		c.TraceState = value
	}
}

func (*carrier) Keys() []string { return []string{traceParent, traceState} }

// end ends a span. The text of the error can contain event data, so the span gets the type only.
func end(span trace.Span, errorType string) {
	if errorType != "" {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(keyError.String(errorType))
	}
	span.End()
}
