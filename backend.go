package signalcast

import "context"

// Backend publishes messages to one kind of broker. It is the interface to
// implement for a destination of your own.
//
// Package backends/backendtest checks each rule below. A backend that passes
// works with every [Dispatcher]. Package backends/backendkit has the parts that
// most backends need.
//
// All methods must be safe for concurrent use.
//
// # Optional methods
//
// A backend with a method UseLogger(*slog.Logger) gets the logger of the
// dispatcher before the first call of Prepare. It must prefer a logger of its own
// configuration, if it has one. The dispatcher's logger does not panic.
//
// Troubles() []Trouble returns the topics that messages cannot be delivered to at present. A
// trouble is in the list from the end of the first failed attempt until an attempt succeeds
// or no message for the topic is left. Errors of pending and rejected messages,
// and [Dispatcher.Health], name it.
//
// Buffered() BufferUsage returns the use of the backend's buffer.
//
// Unwrap() Backend returns the backend that a wrapper passes messages to. The dispatcher
// looks there for optional methods that the wrapper does not have.
type Backend interface {
	// Prepare checks a complete route table before it takes effect, enabled and
	// disabled routes alike: topic names that the broker does not accept, schemas
	// that its registry does not accept, content types that it cannot carry. It
	// reports every problem, joined, and does not affect messages in flight.
	// NewDispatcher and Reload call it.
	//
	// An unreachable broker must not fail a table that needs nothing from it.
	// After Close, Prepare returns ErrClosed.
	Prepare(ctx context.Context, routes []Route) error

	// Publish accepts m into the bounded buffer of the backend and returns without
	// waiting for the broker. If the buffer is full, Publish blocks until there is
	// room or ctx ends, or returns at once if the backend is configured to fail fast.
	// The error wraps ErrBufferFull in both cases. A message that fits is accepted even
	// if ctx has ended. The dispatcher calls Publish on the goroutine of the sender and
	// with its context, so a wrapper can read values from ctx.
	//
	// If Publish returns nil, m is accepted: the backend calls done exactly once
	// with the outcome, on any goroutine, possibly before Publish returns. ctx no
	// longer matters. If Publish returns an error, m is rejected: it will not be
	// written, and done is not called. The error wraps ctx.Err() if ctx ended. After
	// Close, Publish returns ErrClosed.
	//
	// A message that is larger than the whole buffer, or than the broker accepts, is
	// rejected with ErrTooLarge at once.
	//
	// The backend calls done with a nil error if the broker stored m. Otherwise the
	// error says why it did not: m was not written if the error is a *DeliveryError
	// with FateNotWritten, and may have been written with any other error. done does
	// not block and does not call Flush or Close of the backend. It may call Publish
	// with a context that has ended, so a backend must not hold a lock that
	// Publish needs while it calls done.
	Publish(ctx context.Context, m *Message, done func(Receipt, error)) error

	// Flush blocks until done has returned for every message that was accepted
	// before the call. It returns an error that wraps ctx.Err() if ctx ends first.
	// After Close, Flush returns nil.
	Flush(ctx context.Context) error

	// Close rejects new messages, waits for the outcome of every accepted one, and
	// releases the resources of the backend. A blocked Publish returns ErrClosed.
	//
	// If ctx ends first, Close gives up the remaining messages and returns an error.
	// On every path, done has been called for every accepted message when Close
	// returns. A second Close waits for the first, or for its own ctx, and returns
	// the same error. A backend that never accepted a message closes without its broker.
	Close(ctx context.Context) error
}
