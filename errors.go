package signalcast

import (
	"errors"
	"fmt"
)

// Classes of failure, for [errors.Is]. What went wrong in detail is in the
// error types below, for [errors.As].
var (
	// ErrNotRegistered: the signal, or an event type given by name, is not in the registry.
	ErrNotRegistered = errors.New("signal is not registered")
	// ErrNoDispatcher: no dispatcher is attached to the registry, so the event
	// would have gone nowhere. A registry made with LocalOnly does without one.
	ErrNoDispatcher = errors.New("no dispatcher is attached to the registry")
	// ErrClosed: the dispatcher or the backend was closed.
	ErrClosed = errors.New("closed")
	// ErrBufferFull: the backend has no room, and is configured to fail fast or
	// the message is a dead letter, which does not wait.
	ErrBufferFull = errors.New("buffer is full")
	// ErrTooLarge: the message can never be taken, however long one waits.
	ErrTooLarge = errors.New("message is too large")
)

// Fate is what is known about a message that was not confirmed as delivered.
type Fate uint8

const (
	// FateUnknown means that the message may or may not have been written. Sending it again
	// may write it twice.
	FateUnknown Fate = iota
	// FateNotWritten means that the message is certainly not at the destination.
	FateNotWritten
	// FatePending means that the caller's context ended before the outcome was known. The
	// backend goes on with the message, and the hooks get the outcome.
	FatePending
)

// String returns "unknown", "not written" or "pending".
func (f Fate) String() string {
	switch f {
	case FateNotWritten:
		return "not written"
	case FatePending:
		return "pending"
	case FateUnknown:
		return "unknown"
	default:
		return fmt.Sprintf("Fate(%d)", uint8(f))
	}
}

// DeliveryError reports that one message was not confirmed as delivered.
//
// A [Backend] may give one to done to state the fate; only Fate and Err are
// used then, the dispatcher fills in the rest.
type DeliveryError struct {
	// Topic is the full name of the destination.
	Topic string
	// Fate says whether the message was written.
	Fate Fate
	// Message is what was to be published, for sending it again. It is read-only.
	Message *Message
	// Err is the cause.
	Err error
}

// Error names the topic, the fate and the cause, and nothing of the event's data.
func (e *DeliveryError) Error() string {
	if e.Message == nil {
		return fmt.Sprintf("%s: %v", e.Fate, e.Err)
	}
	return fmt.Sprintf("event %s of type %q to topic %q: %s: %v",
		e.Message.Event.ID, e.Message.Event.EventType, e.Topic, e.Fate, e.Err)
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// ReceiverError reports that an in-process receiver returned an error or panicked.
type ReceiverError struct {
	// EventType is the signal's name.
	EventType string
	// Receiver is the name of the receiver's function.
	Receiver string
	// Panic is what the receiver panicked with, or nil. Its text is not part of
	// Error, since it may hold event data.
	Panic any
	// Stack is where the receiver panicked, or nil.
	Stack []byte
	// Err is what the receiver returned, or nil after a panic.
	Err error
}

// Error names the receiver and what it returned.
func (e *ReceiverError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("receiver %s of %q panicked with a %T", e.Receiver, e.EventType, e.Panic)
	}
	return fmt.Sprintf("receiver %s of %q: %v", e.Receiver, e.EventType, e.Err)
}

// Unwrap returns what the receiver returned; after a panic with an error, that error.
func (e *ReceiverError) Unwrap() error {
	if e.Err == nil {
		err, _ := e.Panic.(error)
		return err
	}
	return e.Err
}

// EncodeError reports that an event was refused because its data or metadata
// cannot be put on the wire. The dispatcher published nothing of it; one with
// another codec may have, which the [Delivery] tells.
type EncodeError struct {
	// EventType is the signal's name.
	EventType string
	// Field is the dotted wire path of the value at fault, "metadata.time" for
	// metadata, or empty where the data as a whole is at fault.
	Field string
	// Err says what was found and what is allowed, without the value.
	Err error
}

// Error names the event type, the field and the fault.
func (e *EncodeError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("event data of %q: %v", e.EventType, e.Err)
	}
	return fmt.Sprintf("event data of %q: %s: %v", e.EventType, e.Field, e.Err)
}

// Unwrap returns the cause.
func (e *EncodeError) Unwrap() error { return e.Err }
