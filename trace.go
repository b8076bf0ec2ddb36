package signalcast

import "context"

// TraceContext is the trace that a message belongs to, in the form of W3C Trace Context.
// Backends write it behind the attributes of the event: as Kafka headers or as fields
// of a Redis entry, named traceparent and tracestate.
type TraceContext struct {
	// TraceParent is the value of traceparent. It must not be empty.
	TraceParent string
	// TraceState is the value of tracestate. Empty means that it is not written.
	TraceState string
}

// WithTraceContext sets the function that returns the trace of the sender's context, or nil
// without one. The default sets no trace. from must be safe for concurrent use. The
// result must not be changed. Dead letters keep the trace of their message.
func WithTraceContext(from func(ctx context.Context) *TraceContext) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.trace = from }}
}

// setTrace gives new messages the trace of the sender.
func (d *Dispatcher) setTrace(ctx context.Context, messages []slot) {
	if d.options.trace == nil {
		return
	}
	trace := d.options.trace(ctx)
	for i := range messages {
		messages[i].message.Trace = trace
	}
}
