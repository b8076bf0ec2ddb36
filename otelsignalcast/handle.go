package otelsignalcast

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// errExited is the outcome of a receiver that ended its goroutine.
var errExited = errors.New("a receiver ended its goroutine")

// Handle calls the receivers of an event and measures how long they take. It is a value for [consume.Config].Handle. The
// receivers run in a span "process {topic}" of kind consumer, if the message carries a trace or Config.RootSpans is set. The
// span is a child of the span that the message carries, and has a link to it. Each attempt has a span of its own.
// A retry calls only the receivers that failed.
func (t *Telemetry) Handle(ctx context.Context, e *signalcast.Received) error {
	m, ok := consume.MessageFrom(ctx)
	if !ok {
		return e.Deliver(ctx) //nolint:wrapcheck // the errors are of the receivers
	}
	o := t.operation(&t.processOperations, operationProcess, trace.SpanKindConsumer, m.Topic)
	startTime, err := time.Now(), errExited
	ctx, span := t.startProcessSpan(ctx, o, m)
	defer func() {
		kind := errorType(err)
		o.record(ctx, t.instruments.processDuration, time.Since(startTime).Seconds(), kind)
		if span != nil {
			receipt := signalcast.Receipt{ID: m.ID, Partition: m.Partition, Offset: m.Offset, HasOffset: m.ID == ""}
			endSpan(span, &e.Metadata, receipt, kind)
		}
	}()
	err = e.Deliver(ctx)
	return err //nolint:wrapcheck // the errors are of the receivers
}

// startProcessSpan starts the span of a received message. The span is nil if the message carries no trace and
// Config.RootSpans is not set.
func (t *Telemetry) startProcessSpan(ctx context.Context, o *operation, m *consume.Message) (context.Context, trace.Span) {
	a := &m.Attributes
	ctx = propagation.TraceContext{}.Extract(ctx, &carrier{string(a.TraceParent), string(a.TraceState)})
	parent := trace.SpanContextFromContext(ctx)
	if !parent.IsValid() && !t.config.RootSpans {
		return ctx, nil
	}
	options := o.spanOptions
	if parent.IsRemote() {
		options = append(options[:len(options):len(options)], trace.WithLinks(trace.Link{SpanContext: parent}))
	}
	return t.tracer.Start(ctx, o.spanName, options...)
}
