package shape

import (
	"fmt"
	"reflect"
	"strings"
)

// Fault is one reason why a type cannot be event data.
type Fault struct {
	// Path names the field by its Go names, as in "Enrollment.User.ID". The
	// items of a list are "[]", the values of a map "[...]". It is empty for the
	// type as a whole.
	Path string
	// Problem says what was found and what is allowed.
	Problem string
}

// TypeError reports a type that cannot be event data.
type TypeError struct {
	// Type is the type given to Compile.
	Type reflect.Type
	// Faults are all its faults, in the order of its fields.
	Faults []Fault
}

// Error has a line for the type and one for each fault.
func (e *TypeError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "type %v cannot be event data:", e.Type)
	for _, f := range e.Faults {
		b.WriteByte('\n')
		if f.Path != "" {
			b.WriteString(f.Path + ": ")
		}
		b.WriteString(f.Problem)
	}
	return b.String()
}

// ValueError reports a value that cannot be put on the wire.
type ValueError struct {
	// Path names the value by wire names. The items of a list are numbered, as
	// in "answer.parts[2]"; an entry of a map is "options[...]", since its key
	// is event data.
	Path string
	// Err says what was found and what is allowed. It is the user's where it
	// comes from Validate, MarshalText or AppendText.
	Err error
}

// Error names the value and the fault.
func (e *ValueError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ValueError) Unwrap() error { return e.Err }

// DecodeFault is one fault of a JSON text.
type DecodeFault struct {
	// Path names the value by wire names, as in [ValueError]. It is empty for
	// the text as a whole.
	Path string
	// Line and Column say where in the text, from 1. Column counts characters.
	Line, Column int
	// Problem says what was found and what is allowed, without the value.
	Problem string
}

// DecodeError reports a JSON text that is not event data of the type.
type DecodeError struct {
	// Faults are all faults of the text in their order there, up to the first
	// fault of syntax or, so that a hostile text cannot fill the memory, the
	// thousandth fault.
	Faults []DecodeFault
}

// Error has a line for each fault.
func (e *DecodeError) Error() string {
	var b strings.Builder
	for i, f := range e.Faults {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "line %d, column %d: ", f.Line, f.Column)
		if f.Path != "" {
			b.WriteString(f.Path + ": ")
		}
		b.WriteString(f.Problem)
	}
	return b.String()
}

// KeyError reports a path that does not lead to an event key.
type KeyError struct {
	// Path is the path as given.
	Path string
	// Problem says which segment is at fault, and what is allowed.
	Problem string
	// Nearest is the path most like it that works, or empty if none is like it.
	Nearest string
}

// Error names the path, the fault, and the nearest path that works.
func (e *KeyError) Error() string {
	text := fmt.Sprintf("key path %q: %s", e.Path, e.Problem)
	if e.Nearest != "" {
		text += fmt.Sprintf("; did you mean %q?", e.Nearest)
	}
	return text
}
