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

// Handle calls the receivers of an event and measures how long they take. It is for [consume.Config].Handle. If the
// message belongs to a trace, or with Config.RootSpans, the receivers run in a span "process {topic}" of kind
// consumer. The span is a child of the message's span and linked to it. Each attempt has a span of its own.
// A retry calls only the receivers that failed.
func (t *Telemetry) Handle(ctx context.Context, e *signalcast.Received) error {
	m, ok := consume.MessageFrom(ctx)
	if !ok {
		return e.Deliver(ctx) //nolint:wrapcheck // the errors are of the receivers
	}
	o := t.operation(&t.processed, operationProcess, trace.SpanKindConsumer, m.Topic)
	start, err := time.Now(), errExited
	ctx, span := t.startProcess(ctx, o, m)
	defer func() {
		kind := errorType(err)
		o.record(ctx, t.instruments.processDuration, time.Since(start).Seconds(), kind)
		if span != nil {
			at := signalcast.Receipt{ID: m.ID, Partition: m.Partition, Offset: m.Offset, HasOffset: m.ID == ""}
			endSpan(span, &e.Metadata, at, kind)
		}
	}()
	err = e.Deliver(ctx)
	return err //nolint:wrapcheck // the errors are of the receivers
}

// startProcess starts the span of a received message. The span is nil if the message has no parent and
// Config.RootSpans is not set.
func (t *Telemetry) startProcess(ctx context.Context, o *operation, m *consume.Message) (context.Context, trace.Span) {
	a := &m.Attributes
	ctx = propagation.TraceContext{}.Extract(ctx, &carrier{string(a.TraceParent), string(a.TraceState)})
	from := trace.SpanContextFromContext(ctx)
	if !from.IsValid() && !t.config.RootSpans {
		return ctx, nil
	}
	options := o.start
	if from.IsRemote() {
		options = append(options[:len(options):len(options)], trace.WithLinks(trace.Link{SpanContext: from}))
	}
	return t.tracer.Start(ctx, o.span, options...)
}
