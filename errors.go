package signalcast

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/signalcast/signalcast/internal/shape"
)

// Classes of errors, for [errors.Is]. The error types below hold the details, for
// [errors.As].
var (
	// ErrNotRegistered means that the signal, or an event type given by name, is not in the registry.
	ErrNotRegistered = errors.New("signal is not registered")
	// ErrDuplicateEventType means that two signals of one registry have the same event type.
	ErrDuplicateEventType = errors.New("duplicate event type")
	// ErrNoDispatcher means that no dispatcher is attached to the registry, so that the
	// event could not be published. See [LocalOnly].
	ErrNoDispatcher = errors.New("no dispatcher is attached to the registry")
	// ErrClosed means that the dispatcher or the backend is closed.
	ErrClosed = errors.New("closed")
	// ErrBufferFull means that the backend has no room, and that it is configured to
	// fail fast or the message is a dead letter.
	ErrBufferFull = errors.New("buffer is full")
	// ErrTooLarge means that the message can never be accepted because of its size.
	ErrTooLarge = errors.New("message is too large")
	// ErrEmptyReload means that a new configuration has none of the enabled routes. See
	// [Dispatcher.Reload].
	ErrEmptyReload = errors.New("reload would stop all publishing")
	// ErrDeliveryTimeout means that the backend gave up a message after its delivery timeout.
	ErrDeliveryTimeout = errors.New("delivery timeout")
)

// Fate says what is known about a message that was not acknowledged.
type Fate uint8

const (
	// FateUnknown means that the message may have been written. Sending it again
	// may write it twice.
	FateUnknown Fate = iota
	// FateNotWritten means that the message was certainly not written.
	FateNotWritten
	// FatePending means that the caller's context ended before there was an outcome.
	// The backend continues with the message, and hooks get the outcome.
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

// DeliveryError reports that one message was not acknowledged.
//
// A [Backend] may give one to done to set the fate. The dispatcher uses its Fate
// and Err only.
type DeliveryError struct {
	// Topic is the full name of the destination.
	Topic string
	// Fate says whether the message was written.
	Fate Fate
	// Message is the message, for publishing it again. It is read-only.
	Message *Message
	// Err is the cause.
	Err error
}

// Error names the event, the topic, the fate and the cause. It contains no event data.
func (e *DeliveryError) Error() string {
	if e.Message == nil {
		return fmt.Sprintf("%s: %v", e.Fate, e.Err)
	}
	return fmt.Sprintf("event %s of type %q to topic %q: %s: %v",
		e.Message.Event.ID, e.Message.Event.EventType, e.Topic, e.Fate, e.Err)
}

// Unwrap returns the cause.
func (e *DeliveryError) Unwrap() error { return e.Err }

// ReceiverError reports that a receiver returned an error or panicked.
type ReceiverError struct {
	// EventType is the name of the signal.
	EventType string
	// Receiver is the name of the function.
	Receiver string
	// Panic is the value of the panic, or nil. Error does not contain its text, since it
	// may hold event data.
	Panic any
	// Stack is the stack at the panic, or nil.
	Stack []byte
	// Err is the returned error, or nil after a panic.
	Err error
}

// Error names the receiver and its error.
func (e *ReceiverError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("receiver %s of %q panicked with a %T", e.Receiver, e.EventType, e.Panic)
	}
	return fmt.Sprintf("receiver %s of %q: %v", e.Receiver, e.EventType, e.Err)
}

// Unwrap returns the error of the receiver, or the error that it panicked with.
func (e *ReceiverError) Unwrap() error {
	if e.Err == nil {
		err, _ := e.Panic.(error)
		return err
	}
	return e.Err
}

// EncodeError reports that the data or metadata of an event cannot be encoded. The
// dispatcher published no message of the event. A dispatcher with another
// codec may have; the [Delivery] tells.
type EncodeError struct {
	// EventType is the name of the signal.
	EventType string
	// Fields are the faults. It is never empty.
	Fields []FieldError
}

// Error names the event type and has a line for each fault if there are several.
func (e *EncodeError) Error() string {
	return joinFields(fmt.Sprintf("event data of %q", e.EventType), e.Fields)
}

// Unwrap returns the faults, each a *FieldError.
func (e *EncodeError) Unwrap() []error { return unwrapFields(e.Fields) }

// FieldError is one fault of event data, of its JSON text, of its Go type, or of
// metadata. It never contains the value.
type FieldError struct {
	// Path names the field. It is the dotted wire path in data ("user.id"), the dotted path of
	// Go names in a type ("Enrollment.User.ID"), and "metadata.time" in metadata. It
	// is empty for the whole.
	Path string
	// Line and Column are the place in the JSON text, counted from 1, columns in
	// characters. They are 0 if there is no text.
	Line, Column int
	// Found says what was found: "found a string".
	Found string
	// Want says what is allowed. It may be empty.
	Want string
	// Nearest is the known name that is most similar to the one found, or empty.
	Nearest string
	// Err is the error of a method of the user's type (Validate, MarshalText,
	// AppendText), or nil.
	Err error
}

// Error returns the fault on one line.
func (e *FieldError) Error() string {
	var text strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&text, "line %d, column %d: ", e.Line, e.Column)
	}
	if e.Path != "" {
		text.WriteString(e.Path + ": ")
	}
	if text.WriteString(e.Found); e.Err != nil {
		if e.Found != "" {
			text.WriteString(": ")
		}
		text.WriteString(e.Err.Error())
	}
	if e.Want != "" {
		text.WriteString("; want " + e.Want)
	}
	if e.Nearest != "" {
		text.WriteString(" (did you mean " + strconv.Quote(e.Nearest) + "?)")
	}
	return text.String()
}

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// RegistrationError reports why [Registry.Register] added no signal.
type RegistrationError struct {
	// Signals are the signals at fault, sorted by event type. It is never empty.
	Signals []*SignalError
}

// Error has a line for each fault.
func (e *RegistrationError) Error() string {
	lines := make([]string, len(e.Signals))
	for i, s := range e.Signals {
		lines[i] = s.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the signals at fault, each a *SignalError.
func (e *RegistrationError) Unwrap() []error {
	errs := make([]error, len(e.Signals))
	for i, s := range e.Signals {
		errs[i] = s
	}
	return errs
}

// SignalError reports why one signal cannot be registered.
type SignalError struct {
	// EventType is the name of the signal.
	EventType string
	// DataType is the type of the event data.
	DataType reflect.Type
	// Declared is the file and line of the NewSignal call.
	Declared string
	// Other is the file and line of the first signal of the event type, if
	// Err is ErrDuplicateEventType.
	Other string
	// Fields are the faults of the name and of the data type.
	Fields []FieldError
	// Err is ErrDuplicateEventType, another error, or nil if there are Fields.
	Err error
}

// Error names the signal, the place of its declaration and every fault.
func (e *SignalError) Error() string {
	where := fmt.Sprintf("signal %q of %v declared at %s", e.EventType, e.DataType, e.Declared)
	switch {
	case e.Declared == "":
		return e.Err.Error()
	case e.Other != "":
		return fmt.Sprintf("%s: %v; first declared at %s", where, e.Err, e.Other)
	default:
		return joinFields(where, e.Fields)
	}
}

// Unwrap returns Err and the faults, each a *FieldError.
func (e *SignalError) Unwrap() []error {
	errs := unwrapFields(e.Fields)
	if e.Err != nil {
		errs = append(errs, e.Err)
	}
	return errs
}

// joinFields returns one line for one fault, and a line for each after a first line
// for several.
func joinFields(where string, fields []FieldError) string {
	if len(fields) == 1 {
		return where + ": " + fields[0].Error()
	}
	var text strings.Builder
	text.WriteString(where + ": " + strconv.Itoa(len(fields)) + " faults:")
	for i := range fields {
		text.WriteString("\n" + fields[i].Error())
	}
	return text.String()
}

func unwrapFields(fields []FieldError) []error {
	errs := make([]error, len(fields))
	for i := range fields {
		errs[i] = &fields[i]
	}
	return errs
}

// fieldErrors returns the faults that err of package shape reports.
func fieldErrors(err error) []FieldError {
	var list []FieldError
	for _, f := range shape.FieldErrors(err) {
		list = append(list, FieldError(f))
	}
	if list == nil {
		list = []FieldError{{Err: err}}
	}
	return list
}
