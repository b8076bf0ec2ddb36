// Package jsonpos reads strict JSON as tokens that know their line and column.
//
// It checks syntax and UTF-8 only. Duplicate names, known names and types are
// its callers' business. Nesting costs one byte a level and no recursion.
package jsonpos

import "fmt"

// Kind says what a token is.
type Kind uint8

// The kinds of tokens. Commas and colons are not tokens.
const (
	// End is the end of the text or of what can be read of it, see [Reader.Err].
	End Kind = iota
	ObjectStart
	ObjectEnd
	ArrayStart
	ArrayEnd
	// Name is the name of an object's member; the next token starts its value.
	Name
	String
	Number
	Bool
	Null
)

// String names the value that a token of this kind starts, as messages do.
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

// Position is a place in the text, both counted from 1, columns in characters.
// A byte that is not valid UTF-8 counts as one character.
type Position struct{ Line, Column int }

// Token is one piece of the text.
type Token struct {
	Kind Kind
	// Text is the decoded content of a Name or String and the literal of a
	// Number or Bool. It does not share memory with the text read.
	Text string
	// Fault says what makes the content of a Name or String unusable:
	// invalid UTF-8, or half of a surrogate pair. Reading goes on after it.
	Fault string
	// Position is where the token starts.
	Position Position
}

// SyntaxError says where the text stops being JSON.
type SyntaxError struct {
	Position Position
	// Found and Want are phrases: `character '}'`, "a JSON value".
	Found, Want string
}

// Error gives position, what was found and what is wanted.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: found %s; want %s",
		e.Position.Line, e.Position.Column, e.Found, e.Want)
}
