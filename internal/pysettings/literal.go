package pysettings

import (
	"strings"

	"github.com/signalcast/signalcast"
)

// value is a literal, or a computed value.
type value struct {
	pos      signalcast.Position
	computed string      // how, for messages; empty for a literal
	plain    any         // a string, a bool, 0 for any number, nil for None
	entries  []dictEntry // of a dict, or of a list, whose entries have no keys
	kind     valueKind
}

type valueKind uint8

const (
	plainValue valueKind = iota
	dictValue
	listValue
)

// dictEntry is one entry of a dict or a list.
type dictEntry struct{ key, value value }

// maxNesting is how deep brackets are read. Deeper values count as computed.
const maxNesting = 16

// reader reads literals from the tokens of a statement. It skips anything else to its end.
type reader struct {
	tokens    []token // ends with a newline and the end of the text
	constants map[string]any
	next      int
	depth     int
}

func newReader(statement []token, constants map[string]any) *reader {
	ended := token{kind: newlineToken}
	if n := len(statement); n > 0 {
		ended.pos = statement[n-1].pos
	}
	tokens := append(statement[:len(statement):len(statement)], ended, token{kind: endToken, pos: ended.pos})
	return &reader{tokens: tokens, constants: constants}
}

func (r *reader) peek() token { return r.tokens[min(r.next, len(r.tokens)-1)] }

func (r *reader) take() token {
	t := r.peek()
	r.next++
	return t
}

// accept reads the operator if it is next.
func (r *reader) accept(operator string) bool {
	t := r.peek()
	if t.kind != operatorToken || t.text != operator {
		return false
	}
	r.next++
	return true
}

// ends reports whether a value has ended: at the end of a statement, at a comma or a closing
// bracket, and, for a key, at a colon.
func (r *reader) ends(key bool) bool {
	switch t := r.peek(); t.kind {
	case endToken, newlineToken:
		return true
	case operatorToken:
		return t.text == "," || t.text == ")" || t.text == "]" || t.text == "}" || key && t.text == ":"
	default:
		return false
	}
}

// value reads an expression: a literal, or a computed value.
func (r *reader) value(key bool) value {
	start := r.next
	v := r.literal()
	if v.computed == "" && r.ends(key) {
		return v
	}
	r.next = start
	v = value{pos: r.peek().pos, computed: r.describe()}
	r.skip(key)
	return v
}

// skip reads to the end of the value, including anything in brackets.
func (r *reader) skip(key bool) {
	for depth := 0; depth > 0 || !r.ends(key); {
		switch t := r.take(); {
		case t.kind == endToken:
			return
		case t.kind != operatorToken:
		case t.text == "(" || t.text == "[" || t.text == "{":
			depth++
		case t.text == ")" || t.text == "]" || t.text == "}":
			depth--
		}
	}
}

// describe says what computes the next value, without its literals.
func (r *reader) describe() string {
	first := r.peek()
	switch first.kind {
	case formatToken:
		return "a format string"
	case bytesToken:
		return "bytes"
	case escapedToken:
		return "an escape sequence"
	case nameToken:
		text := first.text
		for i := r.next + 1; i < len(r.tokens) && len(text) < 100; i++ {
			switch t := r.tokens[i]; {
			case t.kind == operatorToken && t.text == "." && first.text != "from" && r.tokens[i+1].kind == nameToken:
				i++
				text += "." + r.tokens[i].text
			case t.kind == operatorToken && t.text == "(":
				return shorten(text) + "(…)"
			default:
				return shorten(text)
			}
		}
		return shorten(text)
	default:
		return "an expression"
	}
}

// literal reads a literal, which may be only the start of an expression.
func (r *reader) literal() value {
	t := r.take()
	v := value{pos: t.pos}
	constant, isConstant := r.constants[t.text]
	switch {
	case t.kind == stringToken:
		texts := []string{t.text}
		for r.peek().kind == stringToken {
			texts = append(texts, r.take().text)
		}
		v.plain = strings.Join(texts, "")
	case t.kind == numberToken:
		v.plain = 0
	case t.kind == nameToken && (t.text == "True" || t.text == "False"):
		v.plain = t.text == "True"
	case t.kind == nameToken && t.text == "None":
	case t.kind == nameToken && isConstant:
		v.plain = constant
	case t.kind == operatorToken && r.depth < maxNesting:
		r.depth++
		defer func() { r.depth-- }()
		return r.container(t)
	default:
		v.computed = "an expression"
	}
	return v
}

// container reads a dict, a list, a tuple, or a value in parentheses. Its opening bracket was
// read.
func (r *reader) container(open token) value {
	v := value{pos: open.pos, kind: listValue}
	closing := map[string]string{"{": "}", "[": "]", "(": ")"}[open.text]
	if open.text == "{" {
		v.kind = dictValue
	}
	commas := 0
	for closing != "" {
		if r.accept(closing) {
			if open.text == "(" && len(v.entries) == 1 && commas == 0 {
				return v.entries[0].value
			}
			return v
		}
		var e dictEntry
		if v.kind == dictValue {
			if r.peek().kind == operatorToken && r.peek().text == "**" {
				e.key = value{pos: r.peek().pos, computed: "**"}
				r.skip(true)
				e.value = e.key
			} else if e.key = r.value(true); r.accept(":") {
				e.value = r.value(false)
			} else {
				break // a set
			}
		} else {
			e.value = r.value(false)
		}
		v.entries = append(v.entries, e)
		if r.accept(",") {
			commas++
		} else if t := r.peek(); t.kind != operatorToken || t.text != closing {
			break
		}
	}
	v.computed = "an expression"
	return v
}
