package cli

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// escapeWriter replaces control characters by escape sequences such as \u001b, so that text
// from a broker or a file cannot control the terminal. In JSON an escape sequence means
// the same character. Line feeds, tabs and the colors of this package are not replaced.
type escapeWriter struct {
	w          io.Writer
	incomplete []byte // the first bytes of a character whose other bytes were not written yet
}

func (e *escapeWriter) Write(text []byte) (int, error) {
	var out bytes.Buffer
	in := append(e.incomplete, text...)
	for len(in) > 0 && utf8.FullRune(in) {
		if n := colorLength(in); n > 0 {
			out.Write(in[:n])
			in = in[n:]
			continue
		}
		c, size := utf8.DecodeRune(in)
		if c != '\n' && c != '\t' && isControl(c) {
			fmt.Fprintf(&out, `\u%04x`, c)
		} else {
			out.Write(in[:size])
		}
		in = in[size:]
	}
	e.incomplete = bytes.Clone(in)
	if _, err := e.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// colorLength returns the length of the sequence at the start of text that paint writes, or 0.
func colorLength(text []byte) int {
	for _, s := range []style{red, green, yellow, "0"} {
		if sequence := "\x1b[" + string(s) + "m"; bytes.HasPrefix(text, []byte(sequence)) {
			return len(sequence)
		}
	}
	return 0
}

// isControl reports whether c can control a terminal or reverse the direction of text.
func isControl(c rune) bool {
	switch {
	case c < ' ', 0x7f <= c && c < 0xa0:
		return true
	case c == 0x061c, c == 0x200e, c == 0x200f, 0x202a <= c && c <= 0x202e, 0x2066 <= c && c <= 0x2069:
		return true
	default:
		return false
	}
}
