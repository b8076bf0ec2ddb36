package otelsignalcast

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalcast/signalcast"
)

// TraceContext returns the trace of ctx, or nil if ctx has no span. It is a value for [signalcast.WithTraceContext], which adds
// the trace of the sender to every message, also to those in an outbox and to dead letters.
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

// endSpan ends the span of an event. The text of an error can contain event data, so the span has only the type of the error.
func endSpan(span trace.Span, event *signalcast.Metadata, receipt signalcast.Receipt, errorType string) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	const maxAttributes = 5
	attributes := append(make([]attribute.KeyValue, 0, maxAttributes), keyEventID.String(event.ID.String()), keyEventType.String(event.EventType))
	switch {
	case receipt.HasOffset:
		attributes = append(attributes, keyPartition.String(strconv.Itoa(int(receipt.Partition))), keyOffset.Int64(receipt.Offset))
	case receipt.ID != "":
		attributes = append(attributes, keyMessageID.String(receipt.ID))
	}
	if errorType != "" {
		span.SetStatus(codes.Error, "")
		attributes = append(attributes, keyErrorType.String(errorType))
	}
	span.SetAttributes(attributes...)
}
