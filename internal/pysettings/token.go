package pysettings

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/signalcast/signalcast"
)

type tokenKind uint8

const (
	endToken     tokenKind = iota // the end of the text
	newlineToken                  // the end of a statement; its text is ";" for a semicolon
	nameToken                     // a name or a keyword
	stringToken                   // its text is the decoded content
	formatToken                   // f"…" or t"…"; its text is that of the replacement fields
	bytesToken                    // b"…"
	escapedToken                  // a string with an escape sequence that is not decoded
	numberToken
	operatorToken
)

// token is one piece of a text in Python.
type token struct {
	kind     tokenKind
	text     string
	pos      signalcast.Position
	indented bool // the first token of a line that is indented
}

// words returns the names in the token, as Python compares them.
func (t token) words() []string {
	switch t.kind {
	case nameToken:
		return []string{t.text}
	case formatToken:
		return strings.FieldsFunc(norm.NFKC.String(t.text), func(c rune) bool { return !inName(c) })
	default:
		return nil
	}
}

// maxTokens bounds the memory for tokens.
const maxTokens = 1_000_000

// syntaxError is the reason why a text is not read.
type syntaxError struct {
	code        signalcast.ProblemCode
	pos         signalcast.Position
	found, want string
}

// bracket is an opening bracket.
type bracket struct {
	text string
	pos  signalcast.Position
}

// tokenizer splits a text into tokens. Of Python's grammar it knows names, strings, brackets and the
// ends of statements.
type tokenizer struct {
	text    string
	offset  int
	line    int
	mark    int // an offset on the current line
	column  int // the column of mark
	open    []bracket
	start   bool // the next token is the first of a logical line
	list    []token
	invalid *syntaxError

	undecoded bool // the current string has an escape sequence that is not decoded
}

// tokenize returns the tokens of a text, or its first syntax error.
func tokenize(text string) ([]token, *syntaxError) {
	// Python reads every line ending as a line feed, in strings too.
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(text, "\ufeff"))
	t := tokenizer{text: text, line: 1, column: 1, start: true}
	for t.invalid == nil && t.offset < len(t.text) {
		if t.read(); len(t.list) >= maxTokens {
			t.fail(signalcast.CodeTooLarge, t.pos(t.offset), fmt.Sprintf("found more than %d words and symbols", maxTokens), "a smaller file")
		}
	}
	if n := len(t.open); n > 0 && t.invalid == nil {
		t.fail(signalcast.CodeSyntax, t.open[n-1].pos, "found "+t.open[n-1].text+" without a closing bracket", "valid Python")
	}
	t.add(newlineToken, "", t.pos(t.offset))
	t.add(endToken, "", t.pos(t.offset))
	return t.list, t.invalid
}

func (t *tokenizer) fail(code signalcast.ProblemCode, pos signalcast.Position, found, want string) {
	t.invalid = &syntaxError{code, pos, found, want}
}

// pos returns the position of an offset. Offsets of successive calls must not decrease.
func (t *tokenizer) pos(offset int) signalcast.Position {
	t.column += utf8.RuneCountInString(t.text[t.mark:offset])
	t.mark = offset
	return signalcast.Position{Line: t.line, Column: t.column}
}

func (t *tokenizer) add(kind tokenKind, text string, pos signalcast.Position) {
	indented := t.start && kind > newlineToken && t.indented()
	t.list = append(t.list, token{kind, text, pos, indented})
	t.start = kind == newlineToken && text == ""
}

// indented reports whether the line of the next token is indented. After a line that ends with a
// backslash, that line counts.
func (t *tokenizer) indented() bool {
	line := strings.LastIndexByte(t.text[:t.offset], '\n') + 1
	for strings.HasSuffix(t.text[:line], "\\\n") {
		line = strings.LastIndexByte(t.text[:line-1], '\n') + 1
	}
	return strings.IndexByte(" \t\f", t.text[line]) >= 0
}

func (t *tokenizer) newline() {
	t.offset++
	t.line++
	t.mark, t.column = t.offset, 1
}

// read reads one token.
func (t *tokenizer) read() {
	rest := t.text[t.offset:]
	c, size := utf8.DecodeRuneInString(rest)
	pos := t.pos(t.offset)
	switch {
	case c == '\n':
		if len(t.open) == 0 {
			t.add(newlineToken, "", pos)
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
	case c == ';' && len(t.open) == 0:
		t.add(newlineToken, ";", pos)
		t.offset++
	case c == '"', c == '\'':
		t.string(pos, "")
	case c == '_' || unicode.IsLetter(c) || c >= utf8.RuneSelf && inName(c):
		end := strings.IndexFunc(rest, func(c rune) bool { return !inName(c) })
		if end < 0 {
			end = len(rest)
		}
		name := rest[:end]
		if len(name) <= 2 && strings.Trim(strings.ToLower(name), "rbuft") == "" && end < len(rest) && (rest[end] == '"' || rest[end] == '\'') {
			t.offset += end
			t.string(pos, strings.ToLower(name))
			return
		}
		t.add(nameToken, norm.NFKC.String(name), pos) // Python compares names in this form
		t.offset += end
	case '0' <= c && c <= '9':
		end := strings.IndexFunc(rest, func(c rune) bool { return c != '_' && c != '.' && !unicode.IsLetter(c) && !unicode.IsDigit(c) })
		if end < 0 {
			end = len(rest)
		}
		t.add(numberToken, rest[:end], pos)
		t.offset += end
	default:
		t.operator(rest, size, pos)
	}
}

// inName reports whether c can be in a name, before or after normalisation.
func inName(c rune) bool {
	return c == '_' || unicode.In(c, unicode.L, unicode.Nl, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc)
}

func (t *tokenizer) operator(rest string, size int, pos signalcast.Position) {
	text := rest[:size]
	switch text {
	case "(", "[", "{":
		t.open = append(t.open, bracket{text, pos})
	case ")", "]", "}":
		n := len(t.open)
		if n == 0 || text != map[string]string{"(": ")", "[": "]", "{": "}"}[t.open[n-1].text] {
			t.fail(signalcast.CodeSyntax, pos, "found "+text+" without an opening bracket", "valid Python")
			return
		}
		t.open = t.open[:n-1]
	default:
		for _, op := range []string{"**", "|=", "==", ":=", "!=", "<=", ">="} {
			if strings.HasPrefix(rest, op) {
				text = op
			}
		}
	}
	t.add(operatorToken, text, pos)
	t.offset += len(text)
}

// string reads a string after its prefix.
func (t *tokenizer) string(pos signalcast.Position, prefix string) {
	start := t.offset
	t.undecoded = false
	content, ok := t.quoted(strings.Contains(prefix, "r"), strings.ContainsAny(prefix, "ft"))
	kind := stringToken
	switch {
	case !ok:
		t.fail(signalcast.CodeSyntax, pos, "found an unterminated string", "valid Python")
		return
	case strings.ContainsAny(prefix, "ft"):
		kind = formatToken
	case strings.Contains(prefix, "b"):
		kind = bytesToken
	case t.undecoded:
		kind = escapedToken
	}
	end := t.offset
	t.offset = start // add reads the indentation before the offset
	t.add(kind, content, pos)
	t.offset = end
}

// quoted reads a string from its opening to its closing quote. The content of a format string is that
// of its replacement fields.
func (t *tokenizer) quoted(raw, format bool) (content string, ok bool) {
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
			start := t.offset
			if !t.replacement() {
				return "", false
			}
			b.WriteString(t.text[start:t.offset])
		case c == '{' && format:
			t.offset += 2
		default:
			if !format {
				b.WriteByte(c)
			}
			t.offset++
		}
	}
	return "", false
}

// replacement skips a replacement field, {…}, with the strings in it. After a colon, the field has
// plain text up to the next brace.
func (t *tokenizer) replacement() bool {
	var open []byte // '{' in an expression, ':' in the text after it, '(' in any other bracket
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

// escape reads an escape sequence.
func (t *tokenizer) escape(b *strings.Builder, raw bool) {
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
			b.WriteByte('\\') // Python keeps a backslash before any other character
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
	if char := rune(code); err == nil && utf8.ValidRune(char) { //nolint:gosec // a larger code is negative, which is not valid
		b.WriteRune(char)
	} else {
		t.undecoded = true
	}
	t.offset += end
}
