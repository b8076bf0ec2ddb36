package signalcast

import "context"

// Envelope is one event, encoded once and shared by every [Message] made of it.
//
// An Envelope is read-only for everyone but the [Dispatcher] that made it. Its JSON
// form is that of its Metadata.
type Envelope struct {
	Metadata

	// Value is the encoded event data, without any framing.
	Value []byte
	// ValueSchema describes Value. It is nil where the codec has no schema.
	// The same event type always has the same pointer within one Dispatcher.
	ValueSchema *Schema
	// ContentType is the media type of Value and of each Message's Key,
	// as the [Codec] names it.
	ContentType string
}

// Message is one event for one topic: what a [Backend] publishes.
//
// A Message and everything reachable from it is read-only, and valid until the
// done function given with it has returned. A backend that needs the bytes for
// longer copies them.
type Message struct {
	// Topic is the full name of the destination, prefix included.
	Topic string
	// Key is the encoded event key, without any framing.
	// It is nil for a topic configured as keyless, and only then.
	Key []byte
	// KeySchema describes Key. It is nil for a nil Key and where the codec has
	// no schema. The same route always has the same pointer within one Dispatcher.
	KeySchema *Schema
	// Event is the event itself, shared with the messages for other topics.
	Event *Envelope
}

// Receipt says where a backend has stored a message. Fields that a backend
// does not know stay zero.
type Receipt struct {
	// ID is the name that the backend gave the message: a Redis stream entry ID.
	ID string
	// Partition and Offset are the message's place in a Kafka topic. They are
	// valid only if HasOffset is true.
	Partition int32
	Offset    int64
	// HasOffset reports whether Partition and Offset are known.
	HasOffset bool
}

// Schema is the text that describes encoded bytes, as a schema registry knows it.
// A Schema is immutable; backends may use its pointer as a cache key.
type Schema struct {
	// Name is the full name of a record ("org.example.user.created.v1.CloudEvent"),
	// or the name of a primitive type ("string").
	Name string
	// Text is the schema's canonical text. Registries compare it character by character.
	Text string
}

// Route is one row of a [Dispatcher]'s table: an event type and one topic
// configured for it.
type Route struct {
	// EventType is the name of the signal.
	EventType string
	// Topic is the full name of the destination, prefix included.
	Topic string
	// KeyPath is the dotted path of the event key. It is empty for a keyless topic.
	KeyPath string
	// Enabled says whether events go there. Disabled routes are checked
	// like enabled ones, so that switching one on cannot fail.
	Enabled bool
	// ContentType is the media type that the codec writes.
	ContentType string
	// ValueSchema and KeySchema are the schemas of the messages, with the
	// pointers that the messages will carry. Nil where there is none.
	ValueSchema, KeySchema *Schema
}

// Backend is the plug: it publishes messages to one kind of destination.
// Package backends/backendtest checks every rule below; a new backend that
// passes it fits every Dispatcher.
//
// All methods may be called at the same time from many goroutines.
type Backend interface {
	// Prepare checks the complete new route table, enabled routes and disabled
	// ones: topic names that the destination refuses, schemas that its registry
	// refuses, content types it cannot carry. It reports every problem it finds,
	// joined, and changes nothing for messages already in service.
	// NewDispatcher and Reload call it before anything takes effect.
	// A destination that cannot be reached is no reason to refuse a table that
	// needs nothing from it.
	Prepare(ctx context.Context, routes []Route) error

	// Publish takes m into the backend's bounded buffer and returns without
	// waiting for the destination. When there is no room it waits until there is,
	// or until ctx ends; or it returns ErrBufferFull at once where the backend's
	// configuration says so. Room is tried before ctx is looked at: a message
	// that fits is taken even when ctx has ended.
	//
	// A nil error means that m was taken: done is then called exactly once with
	// the outcome, on any goroutine, perhaps before Publish returns. The context
	// plays no part any more. A non-nil error means that m was not taken and
	// will not be written; done is never called. It wraps ctx.Err() when ctx ended.
	//
	// A nil error given to done means that the destination has stored m. Else
	// m was not written if the error is a *DeliveryError whose Fate is
	// NotWritten, and may have been written with any other error. done does not
	// block and does not call the backend's Flush or Close; it may publish with a
	// context that has ended, so it is called without a lock that Publish takes.
	//
	// A message larger than the whole buffer or than the destination accepts is
	// refused with ErrTooLarge, never waited for. After Close, Publish returns
	// ErrClosed.
	Publish(ctx context.Context, m *Message, done func(Receipt, error)) error

	// Flush returns nil once done has returned for every message taken before
	// the call, or an error that wraps ctx.Err() when ctx ends first. After Close
	// nothing is left to wait for, and it returns nil.
	Flush(ctx context.Context) error

	// Close stops taking messages, waits until the outcome of every message
	// taken is known or ctx ends, and releases everything the backend holds.
	// When ctx ends first the messages left are given up, and Close returns an
	// error; done has been called for every message taken when Close returns,
	// on that path too. A blocked Publish returns ErrClosed. Closing twice is
	// allowed: the second call waits for the first, or for its own ctx, and
	// returns the same. A backend that never took a message closes without its
	// destination.
	Close(ctx context.Context) error
}
