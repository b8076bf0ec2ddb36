package jsonpos

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// state is what the grammar allows at the current position.
type state uint8

const (
	atValue      state = iota // a value
	atItemOrEnd               // just after [
	atNameOrEnd               // just after {
	atName                    // after a comma in an object
	atCommaOrEnd              // after a value inside a container
	atTextEnd                 // after the outermost value; only space may follow
)

// Reader splits a text into tokens. It is not safe for concurrent use.
type Reader struct {
	text  []byte
	pos   int    // offset of the next byte to read
	open  []byte // the containers around pos, outermost first: '{' or '['
	state state
	err   *SyntaxError

	// mark is the position of the offset markPos, the last one that position mapped.
	mark    Position
	markPos int
}

// NewReader returns a Reader of text. The caller must not change text while it is read.
func NewReader(text []byte) *Reader {
	return &Reader{text: text, mark: Position{1, 1}}
}

// Err returns the syntax error at which the reader stopped, or nil.
func (r *Reader) Err() *SyntaxError { return r.err }

// Next returns the next token. It returns End at the end of the text, after a syntax error,
// and on every later call.
func (r *Reader) Next() Token {
	for r.err == nil {
		r.skipSpace()
		c, ok := r.peek()
		switch {
		case !ok && r.state == atTextEnd:
			return r.token(End, r.pos)
		case r.state == atTextEnd:
			return r.fail(r.pos, "nothing after the outermost value")
		case r.state == atCommaOrEnd && c == ',':
			r.pos++
			r.state = atValue
			if r.inObject() {
				r.state = atName
			}
		case (r.state == atCommaOrEnd || r.state == atNameOrEnd) && c == '}' && r.inObject():
			return r.close(ObjectEnd)
		case (r.state == atCommaOrEnd || r.state == atItemOrEnd) && c == ']' && !r.inObject():
			return r.close(ArrayEnd)
		case r.state == atCommaOrEnd && r.inObject():
			return r.fail(r.pos, "a comma or the end of the object")
		case r.state == atCommaOrEnd:
			return r.fail(r.pos, "a comma or the end of the list")
		case r.state == atName, r.state == atNameOrEnd:
			return r.name(c)
		default:
			return r.value(c)
		}
	}
	return Token{Kind: End, Position: r.err.Position}
}

// Skip reads to the end of the value whose first token is start.
func (r *Reader) Skip(start Token) {
	if start.Kind != ObjectStart && start.Kind != ArrayStart {
		return
	}
	for depth := len(r.open); len(r.open) >= depth; {
		if r.Next().Kind == End {
			return
		}
	}
}

func (r *Reader) inObject() bool { return r.open[len(r.open)-1] == '{' }

// peek returns the next byte. It returns 0 and false at the end of the text.
func (r *Reader) peek() (c byte, ok bool) {
	if r.pos == len(r.text) {
		return 0, false
	}
	return r.text[r.pos], true
}

func (r *Reader) skipSpace() {
	r.pos = len(r.text) - len(bytes.TrimLeft(r.text[r.pos:], " \t\r\n"))
}

func (r *Reader) close(kind Kind) Token {
	t := r.token(kind, r.pos)
	r.pos++
	r.open = r.open[:len(r.open)-1]
	r.valueDone()
	return t
}

func (r *Reader) valueDone() {
	r.state = atCommaOrEnd
	if len(r.open) == 0 {
		r.state = atTextEnd
	}
}

func (r *Reader) name(c byte) Token {
	if c != '"' {
		return r.fail(r.pos, "a name in double quotes")
	}
	t := r.string(Name)
	if r.err != nil {
		return t
	}
	r.skipSpace()
	if c, _ := r.peek(); c != ':' {
		return r.fail(r.pos, "a colon")
	}
	r.pos++
	r.state = atValue
	return t
}

func (r *Reader) value(c byte) Token {
	t := r.token(End, r.pos)
	switch c {
	case '{':
		t.Kind, r.state = ObjectStart, atNameOrEnd
	case '[':
		t.Kind, r.state = ArrayStart, atItemOrEnd
	case '"':
		t = r.string(String)
		r.valueDone()
		return t
	default:
		literal := r.literal()
		if !json.Valid(literal) {
			return r.fail(r.pos, "a JSON value")
		}
		t.Text = string(literal)
		switch t.Text {
		case "null":
			t.Kind = Null
		case "true", "false":
			t.Kind = Bool
		default:
			t.Kind = Number
		}
		r.pos += len(literal)
		r.valueDone()
		return t
	}
	r.open = append(r.open, c)
	r.pos++
	return t
}

// literal returns the bytes before the next one that ends a number or a word.
func (r *Reader) literal() []byte {
	rest := r.text[r.pos:]
	if end := bytes.IndexAny(rest, " \t\r\n,:{}[]\""); end >= 0 {
		return rest[:end]
	}
	return rest
}

func (r *Reader) token(kind Kind, pos int) Token {
	return Token{Kind: kind, Position: r.position(pos)}
}

// position returns the position of a byte offset. Offsets must not decrease from call to
// call.
func (r *Reader) position(pos int) Position {
	passed := r.text[r.markPos:pos]
	if n := bytes.Count(passed, []byte{'\n'}); n > 0 {
		r.mark = Position{r.mark.Line + n, 1}
		passed = passed[bytes.LastIndexByte(passed, '\n')+1:]
	}
	r.mark.Column += utf8.RuneCount(passed)
	r.markPos = pos
	return r.mark
}

// fail stops the reader with a syntax error at pos.
func (r *Reader) fail(pos int, want string) Token {
	found := "the end of the text"
	if pos < len(r.text) {
		c, size := utf8.DecodeRune(r.text[pos:])
		found = fmt.Sprintf("character %q", c)
		if c == utf8.RuneError && size == 1 {
			found = fmt.Sprintf("byte 0x%02x, which is not valid UTF-8", r.text[pos])
		}
	}
	r.err = &SyntaxError{Position: r.position(pos), Found: found, Want: want}
	return Token{Kind: End, Position: r.err.Position}
}
