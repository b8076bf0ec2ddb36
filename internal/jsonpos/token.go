// Package jsonpos splits strict JSON into tokens with their line and column.
//
// It checks syntax and UTF-8 only. Callers check for duplicate and unknown names and for
// types. A level of nesting costs one byte; the reader does not recurse.
package jsonpos

import "fmt"

// Kind is the kind of a token.
type Kind uint8

// The kinds of tokens. The reader returns no tokens for commas and colons.
const (
	// End is the end of the text, or a syntax error; see [Reader.Err].
	End Kind = iota
	ObjectStart
	ObjectEnd
	ArrayStart
	ArrayEnd
	// Name is the name of a member of an object. The next token starts its value.
	Name
	String
	Number
	Bool
	Null
)

// String returns the phrase that messages use for the kind, as in "an object".
func (k Kind) String() string {
	switch k {
	case ObjectStart:
		return "an object"
	case ArrayStart:
		return "a list"
	case Name:
		return "a name"
	case String:
		return "a string"
	case Number:
		return "a number"
	case Bool:
		return "a boolean"
	case Null:
		return "null"
	case ObjectEnd:
		return "the end of an object"
	case ArrayEnd:
		return "the end of a list"
	case End:
		return "the end of the text"
	default:
		return fmt.Sprintf("Kind(%d)", uint8(k))
	}
}

// Position is a place in the text. Lines and columns are counted from 1, columns in
// characters. A byte that is not valid UTF-8 counts as one character.
type Position struct{ Line, Column int }

// Token is one token of the text.
type Token struct {
	Kind Kind
	// Text is the decoded content of a Name or String, or the literal of a Number or
	// Bool. It shares no memory with the text.
	Text string
	// Fault is "invalid UTF-8" or "half of a surrogate pair" if the content of a Name or
	// String is not valid text, and empty otherwise. The reader continues after it.
	Fault string
	// Position is where the token starts.
	Position Position
}

// SyntaxError reports the first place where the text is not JSON.
type SyntaxError struct {
	Position Position
	// Found and Want are phrases such as `character '}'` and "a JSON value".
	Found, Want string
}

// Error returns the position, what was found and what is allowed.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: found %s; want %s",
		e.Position.Line, e.Position.Column, e.Found, e.Want)
}
