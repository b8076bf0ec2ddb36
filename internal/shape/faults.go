package shape

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// FieldError is one fault of a type, of a value, or of a JSON text. It never contains
// the value.
type FieldError struct {
	// Path names the field. In a type it is the path of Go names, as in
	// "Enrollment.User.ID". In a value or text it is the path of wire names, as in
	// "answer.parts[2]". The items of a list type are "[]". The values of a map are
	// "[...]", since the key of an entry is event data. Path is empty for the whole.
	Path string
	// Line and Column are the place in the text, counted from 1, columns in
	// characters. They are 0 if there is no text.
	Line, Column int
	// Found says what was found.
	Found string
	// Want says what is allowed. It may be empty.
	Want string
	// Nearest is the known name that is most similar to the one found, or empty.
	Nearest string
	// Err is the error of a Validate, MarshalText or AppendText method, or nil.
	Err error
}

// Error returns the fault on one line.
func (e *FieldError) Error() string {
	text := e.Found
	if e.Err != nil {
		text = strings.TrimPrefix(text+": "+e.Err.Error(), ": ")
	}
	if e.Path != "" {
		text = e.Path + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, text)
	}
	if e.Want != "" {
		text += "; want " + e.Want
	}
	if e.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return text
}

// Unwrap returns Err.
func (e *FieldError) Unwrap() error { return e.Err }

// FieldErrors returns the faults in an error of this package. It returns nil for other errors.
func FieldErrors(err error) []FieldError {
	if e, ok := errors.AsType[*FieldError](err); ok {
		return []FieldError{*e}
	}
	if e, ok := errors.AsType[*TypeError](err); ok {
		return e.Fields
	}
	if e, ok := errors.AsType[*DecodeError](err); ok {
		return e.Fields
	}
	return nil
}

// TypeError reports a type that cannot be event data.
type TypeError struct {
	// Type is the type given to Compile.
	Type reflect.Type
	// Fields are all faults, in the order of the fields.
	Fields []FieldError
}

// Error has a line for the type and one for each fault.
func (e *TypeError) Error() string {
	return fmt.Sprintf("type %v cannot be event data:\n%s", e.Type, lines(e.Fields))
}

// DecodeError reports a JSON text that is not event data of the type.
type DecodeError struct {
	// Fields are the faults of the text in its order. The list ends at the first fault
	// of syntax, or at the thousandth fault, so that a hostile text cannot exhaust memory.
	Fields []FieldError
}

// Error has a line for each fault.
func (e *DecodeError) Error() string { return lines(e.Fields) }

func lines(fields []FieldError) string {
	texts := make([]string, len(fields))
	for i := range fields {
		texts[i] = fields[i].Error()
	}
	return strings.Join(texts, "\n")
}

// KeyError reports a path that is not a key path.
type KeyError struct {
	// Path is the path as given.
	Path string
	// Found says which segment is at fault.
	Found string
	// Want says what is allowed there.
	Want string
	// Nearest is the most similar key path, or empty.
	Nearest string
}

// Error names the path, the fault, and the nearest key path.
func (e *KeyError) Error() string {
	text := fmt.Sprintf("key path %q: %s; want %s", e.Path, e.Found, e.Want)
	if e.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return text
}
