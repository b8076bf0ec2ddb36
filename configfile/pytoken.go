package configfile

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/signalcast/signalcast"
)

// pyKind says what a token of Python is.
type pyKind uint8

const (
	pyEnd     pyKind = iota // of the text
	pyNewline               // the end of a statement, a semicolon too
	pyName                  // names and keywords
	pyString                // its text is the decoded content
	pyFormat                // a string that is computed: f"…" and t"…"
	pyBytes                 // b"…"
	pyEscaped               // a string with an escape sequence that is not decoded
	pyNumber
	pyOperator
)

// pyToken is one piece of a text in Python.
type pyToken struct {
	kind pyKind
	text string
	pos  signalcast.Position
}

// pyTokens splits a text into tokens. It knows as much of Python as finding the
// ends of statements and strings takes.
type pyTokens struct {
	text   string
	offset int
	line   int
	mark   int // an offset on the line, and its column
	column int
	depth  int // of brackets
	list   []pyToken
	fault  string // why the text ends before its end

	undecoded bool // an escape sequence of the string being read
}

// tokenizePython returns the tokens up to the end of the text or to the first
// thing that cannot be Python; fault says what that is, and the last token where.
func tokenizePython(text string) (tokens []pyToken, fault string) {
	// Python reads every end of a line as a line feed, within strings too.
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, "\ufeff"))
	t := pyTokens{text: text, line: 1, column: 1}
	for t.fault == "" && t.offset < len(t.text) {
		t.next()
	}
	t.add(pyNewline, "", t.pos(t.offset))
	t.add(pyEnd, "", t.pos(t.offset))
	return t.list, t.fault
}

// pos maps an offset that is not before the last one.
func (t *pyTokens) pos(offset int) signalcast.Position {
	t.column += utf8.RuneCountInString(t.text[t.mark:offset])
	t.mark = offset
	return signalcast.Position{Line: t.line, Column: t.column}
}

func (t *pyTokens) add(kind pyKind, text string, pos signalcast.Position) {
	t.list = append(t.list, pyToken{kind, text, pos})
}

func (t *pyTokens) newline() {
	t.offset++
	t.line++
	t.mark, t.column = t.offset, 1
}

func (t *pyTokens) next() {
	rest := t.text[t.offset:]
	c, size := utf8.DecodeRuneInString(rest)
	pos := t.pos(t.offset)
	switch {
	case c == '\n':
		if t.depth == 0 {
			t.add(pyNewline, "", pos)
		}
		t.newline()
	case c == ' ', c == '\t', c == '\r', c == '\f':
		t.offset++
	case c == '\\' && (strings.HasPrefix(rest, "\\\n") || strings.HasPrefix(rest, "\\\r\n")):
		t.offset += strings.IndexByte(rest, '\n')
		t.newline()
	case c == '#':
		if end := strings.IndexByte(rest, '\n'); end >= 0 {
			t.offset += end
		} else {
			t.offset = len(t.text)
		}
	case c == ';' && t.depth == 0:
		t.offset++
		t.add(pyNewline, "", pos)
	case c == '"', c == '\'':
		t.string(pos, "")
	case c == '_' || unicode.IsLetter(c):
		end := strings.IndexFunc(rest, func(c rune) bool {
			return c != '_' && !unicode.IsLetter(c) && !unicode.IsDigit(c) && !unicode.Is(unicode.Mn, c)
		})
		if end < 0 {
			end = len(rest)
		}
		name := rest[:end]
		t.offset += end
		if len(name) <= 2 && strings.Trim(strings.ToLower(name), "rbuft") == "" && end < len(rest) && (rest[end] == '"' || rest[end] == '\'') {
			t.string(pos, strings.ToLower(name))
			return
		}
		t.add(pyName, name, pos)
	case '0' <= c && c <= '9':
		end := strings.IndexFunc(rest, func(c rune) bool { return c != '_' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
		if end < 0 {
			end = len(rest)
		}
		t.offset += end
		t.add(pyNumber, rest[:end], pos)
	default:
		t.operator(rest, size, pos)
	}
}

func (t *pyTokens) operator(rest string, size int, pos signalcast.Position) {
	text := rest[:size]
	switch text {
	case "(", "[", "{":
		t.depth++
	case ")", "]", "}":
		t.depth = max(t.depth-1, 0)
	default:
		for _, op := range []string{"**", "|=", "==", ":="} {
			if strings.HasPrefix(rest, op) {
				text = op
			}
		}
	}
	t.offset += len(text)
	t.add(pyOperator, text, pos)
}

// string reads a string whose prefix was read.
func (t *pyTokens) string(pos signalcast.Position, prefix string) {
	t.undecoded = false
	content, ok := t.quoted(strings.Contains(prefix, "r"), strings.ContainsAny(prefix, "ft"))
	kind := pyString
	switch {
	case !ok:
		t.fault = "a string that does not end"
		return
	case strings.ContainsAny(prefix, "ft"):
		kind = pyFormat
	case strings.Contains(prefix, "b"):
		kind = pyBytes
	case t.undecoded:
		kind = pyEscaped
	}
	t.add(kind, content, pos)
}

// quoted reads a string from its opening quote to its closing one.
func (t *pyTokens) quoted(raw, format bool) (content string, ok bool) {
	quote := t.text[t.offset : t.offset+1]
	long := strings.HasPrefix(t.text[t.offset:], strings.Repeat(quote, 3))
	if long {
		quote = strings.Repeat(quote, 3)
	}
	t.offset += len(quote)
	var b strings.Builder
	for t.offset < len(t.text) {
		rest := t.text[t.offset:]
		switch c := rest[0]; {
		case strings.HasPrefix(rest, quote):
			t.offset += len(quote)
			return b.String(), true
		case c == '\n' && !long:
			return "", false
		case c == '\n':
			b.WriteByte('\n')
			t.newline()
		case c == '\\':
			t.escape(&b, raw)
		case c == '{' && format && !strings.HasPrefix(rest, "{{"):
			if !t.replacement() {
				return "", false
			}
		case c == '{' && format:
			t.offset += 2
		default:
			b.WriteByte(c)
			t.offset++
		}
	}
	return "", false
}

// replacement skips {…} in a format string, strings in it included. What
// follows a colon in it is text again, until the next brace.
func (t *pyTokens) replacement() bool {
	var open []byte // '{' of an expression, ':' of the text after it, '(' of any other bracket
	for t.offset < len(t.text) {
		c, within := t.text[t.offset], byte(':')
		if len(open) > 0 {
			within = open[len(open)-1]
		}
		t.offset++
		switch {
		case c == '\n':
			t.offset--
			t.newline()
		case within == ':' && c == '{':
			open = append(open, '{')
		case within != '(' && c == '}', within == '(' && (c == ')' || c == ']' || c == '}'):
			if open = open[:len(open)-1]; len(open) == 0 {
				return true
			}
		case within == ':': // text
		case within == '{' && c == ':':
			open[len(open)-1] = ':'
		case c == '(' || c == '[' || c == '{':
			open = append(open, '(')
		case c == '"' || c == '\'':
			t.offset--
			if _, ok := t.quoted(true, false); !ok {
				return false
			}
		}
	}
	return false
}

// escape reads a backslash and what belongs to it.
func (t *pyTokens) escape(b *strings.Builder, raw bool) {
	rest := t.text[t.offset:]
	if len(rest) == 1 {
		t.offset++
		return
	}
	next := rest[1]
	if next == '\n' || raw {
		if raw {
			b.WriteByte('\\')
			b.WriteByte(next)
		}
		t.offset++
		if next == '\n' {
			t.newline()
		} else {
			t.offset++
		}
		return
	}
	digits, base := 0, 16
	switch next {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	case 'N':
		t.undecoded = true
	case '0', '1', '2', '3', '4', '5', '6', '7':
		base = 8
		for digits = 1; digits < 3 && len(rest) > digits+1 && '0' <= rest[digits+1] && rest[digits+1] <= '7'; {
			digits++
		}
	default:
		if i := strings.IndexByte(`\'"abfnrtv`, next); i >= 0 {
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[i])
			t.offset += 2
		} else {
			b.WriteByte('\\') // which stays before any other character
			t.offset++
		}
		return
	}
	start := 2
	if base == 8 {
		start = 1
	}
	end := min(start+digits, len(rest))
	code, err := strconv.ParseUint(rest[min(start, end):end], base, 32)
	if err != nil {
		end = 2
	}
	if char := rune(code); err == nil && utf8.ValidRune(char) { //nolint:gosec // what does not fit is negative, which is not valid
		b.WriteRune(char)
	} else {
		t.undecoded = true
	}
	t.offset += end
}
