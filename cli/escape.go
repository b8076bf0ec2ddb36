package cli

import (
	"bytes"
	"fmt"
	"io"
	"unicode/utf8"
)

// plainWriter writes text and replaces control characters by escape sequences such as \u001b, so
// that text from a broker or a file cannot control the terminal. In JSON the sequences mean
// the same characters. Line feeds, tabs and the colors of this package stay.
type plainWriter struct {
	w    io.Writer
	rest []byte // the start of a character that is not complete
}

func (p *plainWriter) Write(text []byte) (int, error) {
	var out bytes.Buffer
	in := append(p.rest, text...)
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
	p.rest = bytes.Clone(in)
	if _, err := p.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}

// colorLength returns the length of a color sequence of paint at the start of text, or 0.
func colorLength(text []byte) int {
	for _, s := range []style{red, green, yellow, "0"} {
		if sequence := "\x1b[" + string(s) + "m"; bytes.HasPrefix(text, []byte(sequence)) {
			return len(sequence)
		}
	}
	return 0
}

// isControl reports whether c can control a terminal or change the direction of text.
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
