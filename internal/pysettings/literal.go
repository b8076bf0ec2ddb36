package pysettings

import (
	"slices"
	"strings"

	"github.com/signalcast/signalcast"
)

// value is a literal, or a value that is not converted.
type value struct {
	pos     signalcast.Position
	other   string      // describes a value that is not a literal; empty for a literal
	plain   any         // a string, a bool, 0 for any number, nil for None
	entries []dictEntry // entries of a dict or a list; those of a list have no keys
	kind    valueKind
}

type valueKind uint8

const (
	plainValue valueKind = iota
	dictValue
	listValue
)

// dictEntry is one entry of a dict or a list.
type dictEntry struct{ key, value value }

// maxNesting is the depth of brackets up to which literals are read.
const maxNesting = 16

// reader reads literals from the tokens of a statement. It skips other values.
type reader struct {
	tokens    []token // the last two are newlineToken and endToken
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

func (r *reader) advance() token {
	t := r.peek()
	r.next++
	return t
}

// accept skips the operator if it is next, and reports whether it was.
func (r *reader) accept(operator string) bool {
	t := r.peek()
	if t.kind != operatorToken || t.text != operator {
		return false
	}
	r.next++
	return true
}

// ends reports whether a value ends before the next token. A value ends at the end of the statement,
// at a comma and at a closing bracket. A key ends at a colon too.
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

// value reads an expression.
func (r *reader) value(key bool) value {
	start := r.next
	v := r.literal()
	if v.other == "" && r.ends(key) {
		return v
	}
	r.next = start
	v = value{pos: r.peek().pos, other: r.describe()}
	r.skip(key)
	return v
}

// skip skips the tokens to the end of the value.
func (r *reader) skip(key bool) {
	for depth := 0; depth > 0 || !r.ends(key); {
		switch t := r.advance(); {
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

// describe describes the next value, which is not a literal. The text contains no literals.
func (r *reader) describe() string {
	first := r.peek()
	switch first.kind {
	case formatToken:
		return "a format string"
	case bytesToken:
		return "bytes"
	case escapedToken:
		return "a string with an escape sequence that is not read"
	case nameToken:
		if slices.Contains([]string{"False", "None", "True", "await", "not"}, first.text) {
			return "an expression"
		}
		return "a value computed by " + r.callee()
	default:
		return "an expression"
	}
}

// callee returns the dotted name at the start of the next value, with (…) if it is called.
func (r *reader) callee() string {
	first := r.peek()
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
}

// literal reads a literal. An operator after it may make it the start of an expression.
func (r *reader) literal() value {
	t := r.advance()
	v := value{pos: t.pos}
	constant, isConstant := r.constants[t.text]
	switch {
	case t.kind == stringToken:
		texts := []string{t.text}
		for r.peek().kind == stringToken {
			texts = append(texts, r.advance().text)
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
		v.other = "an expression"
	}
	return v
}

// container reads the rest of a dict, a list, a tuple or a value in parentheses, after its opening
// bracket.
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
				e.key = value{pos: r.peek().pos, other: "entries of another dict (**)"}
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
	v.other = "an expression"
	return v
}
