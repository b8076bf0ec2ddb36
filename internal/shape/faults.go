package shape

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// FieldError is one fault in a Go type, in event data, or in JSON text. It does not contain the
// value.
type FieldError struct {
	// Path is the dotted path to the field. A fault in a type has a path of Go names, such as
	// "Enrollment.User.ID". A fault in data or text has a path of wire names, such as
	// "answer.parts[2]". In a type, "[]" stands for the items of a list. "[...]" stands for
	// the keys and values of a map, since keys are event data. An empty Path is the outermost
	// value.
	Path string
	// Line and Column are the position in the JSON text, counted from 1, columns in
	// characters. They are 0 without a text.
	Line, Column int
	// Found is what was found. It may be empty if Err is set.
	Found string
	// Want is what is allowed, or empty.
	Want string
	// Nearest is the known name that is most similar to the name found, or empty.
	Nearest string
	// Err is the error that a Validate, MarshalText or AppendText method returned, or nil.
	Err error
}

// Error returns the position, the path, what was found, what is allowed and the nearest name,
// without the parts that are empty.
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

// FieldErrors returns the faults in err, or nil if err is not an error of this package.
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

// TypeError reports that a Go type cannot be event data.
type TypeError struct {
	// Type is the type given to Compile.
	Type reflect.Type
	// Fields are the faults in the order of the fields, at most 1000.
	Fields []FieldError
}

// Error returns a line for the type and a line for each fault.
func (e *TypeError) Error() string {
	return fmt.Sprintf("type %v cannot be event data:\n%s", e.Type, lines(e.Fields))
}

// DecodeError reports that a JSON text cannot be decoded into the type.
type DecodeError struct {
	// Fields are the faults in the order of the text. They end with the first syntax error
	// and are at most 1000, so that a hostile text cannot exhaust memory.
	Fields []FieldError
}

// Error returns a line for each fault.
func (e *DecodeError) Error() string { return lines(e.Fields) }

func lines(fields []FieldError) string {
	texts := make([]string, len(fields))
	for i := range fields {
		texts[i] = fields[i].Error()
	}
	return strings.Join(texts, "\n")
}

// KeyError reports that a path is not a key path of the type.
type KeyError struct {
	// Path is the path passed to [Type.Key].
	Path string
	// Found is the segment at fault and its fault.
	Found string
	// Want is what is allowed in its place.
	Want string
	// Nearest is the most similar key path, or empty.
	Nearest string
}

// Error returns the path, the fault, what is allowed and the nearest key path.
func (e *KeyError) Error() string {
	text := fmt.Sprintf("key path %q: %s; want %s", e.Path, e.Found, e.Want)
	if e.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return text
}
