package jsonpos

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads the string or name at the current position.
func (r *Reader) string(kind Kind) Token {
	t := r.token(kind, r.pos)
	r.pos++
	var content []byte
	for {
		if r.pos == len(r.text) {
			return r.fail(r.pos, "a closing quote")
		}
		switch c := r.text[r.pos]; {
		case c == '"':
			r.pos++
			t.Text = string(content)
			return t
		case c < ' ':
			return r.fail(r.pos, "an escape sequence for the control character")
		case c == '\\':
			char, size := r.escape()
			if size == 0 {
				return r.fail(r.pos, "one of the escape sequences of JSON")
			}
			if char == utf8.RuneError && utf16.IsSurrogate(r.hex(r.pos)) {
				t.Fault = "half of a surrogate pair"
			}
			content = utf8.AppendRune(content, char)
			r.pos += size
		default:
			char, size := utf8.DecodeRune(r.text[r.pos:])
			if char == utf8.RuneError && size == 1 {
				t.Fault = "invalid UTF-8"
			}
			content = append(content, r.text[r.pos:r.pos+size]...)
			r.pos += size
		}
	}
}

// escape decodes the escape sequence at the current position, or both sequences of a
// surrogate pair. It returns their size in bytes, or 0 if JSON has no such sequence. For half
// of a surrogate pair it returns utf8.RuneError.
func (r *Reader) escape() (char rune, size int) {
	if r.pos+1 == len(r.text) {
		return 0, 0
	}
	switch c := r.text[r.pos+1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	switch char := r.hex(r.pos); {
	case char < 0:
		return 0, 0
	case !utf16.IsSurrogate(char):
		return char, 6
	default:
		if pair := utf16.DecodeRune(char, r.hex(r.pos+6)); pair != utf8.RuneError {
			return pair, 12
		}
		return utf8.RuneError, 6
	}
}

// hex returns the UTF-16 unit of the \u sequence at pos, or -1 if pos has no such sequence.
func (r *Reader) hex(pos int) rune {
	if len(r.text) < pos+6 || r.text[pos] != '\\' || r.text[pos+1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(r.text[pos+2:pos+6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}
