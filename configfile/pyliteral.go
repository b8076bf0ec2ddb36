package configfile

import (
	"strings"

	"github.com/signalcast/signalcast"
)

// pyValue is a literal of Python, or something computed.
type pyValue struct {
	pos      signalcast.Position
	computed string    // by what, for messages; empty for a literal
	plain    any       // a string, bool, 0 for any number, nil for None
	entries  []pyEntry // of a dict, or of a list, whose entries have no keys
	kind     pyShape
}

type pyShape uint8

const (
	pyPlain pyShape = iota
	pyDict
	pyList
)

// pyEntry is one entry of a dict or a list.
type pyEntry struct{ key, value pyValue }

// maxPyNesting is how deep brackets are followed; what is deeper counts as computed.
const maxPyNesting = 16

// pyReader reads literals from tokens. Anything else is skipped to its end.
type pyReader struct {
	tokens []pyToken // end with a newline and the end of the text
	next   int
	depth  int
}

func (r *pyReader) peek() pyToken { return r.tokens[min(r.next, len(r.tokens)-1)] }

func (r *pyReader) take() pyToken {
	t := r.peek()
	r.next++
	return t
}

// accept takes the operator if it is next.
func (r *pyReader) accept(operator string) bool {
	t := r.peek()
	if t.kind != pyOperator || t.text != operator {
		return false
	}
	r.next++
	return true
}

// ends says that a value is over: at the end of a statement, at a comma or a
// closing bracket, and at a colon after a key.
func (r *pyReader) ends(key bool) bool {
	switch t := r.peek(); t.kind {
	case pyEnd, pyNewline:
		return true
	case pyOperator:
		return t.text == "," || t.text == ")" || t.text == "]" || t.text == "}" || key && t.text == ":"
	default:
		return false
	}
}

// value reads an expression: a literal, or else something computed.
func (r *pyReader) value(key bool) pyValue {
	start := r.next
	v := r.literal()
	if v.computed == "" && r.ends(key) {
		return v
	}
	r.next = start
	v = pyValue{pos: r.peek().pos, computed: r.describe()}
	r.skip(key)
	return v
}

// skip reads to the end of the value, over whatever stands in brackets.
func (r *pyReader) skip(key bool) {
	for depth := 0; depth > 0 || !r.ends(key); {
		switch t := r.take(); {
		case t.kind == pyEnd:
			return
		case t.kind != pyOperator:
		case t.text == "(" || t.text == "[" || t.text == "{":
			depth++
		case t.text == ")" || t.text == "]" || t.text == "}":
			depth--
		}
	}
}

// describe says what computes the value that comes next, and none of its literals.
func (r *pyReader) describe() string {
	first := r.peek()
	switch first.kind {
	case pyFormat:
		return "a format string"
	case pyBytes:
		return "bytes"
	case pyEscaped:
		return "an escape sequence"
	case pyName:
		var text strings.Builder
		text.WriteString(first.text)
		for i := r.next + 1; i < len(r.tokens); i++ {
			switch t := r.tokens[i]; {
			case t.kind == pyOperator && t.text == "." && first.text != "from" && r.tokens[i+1].kind == pyName:
				i++
				text.WriteString("." + r.tokens[i].text)
			case t.kind == pyOperator && t.text == "(":
				return text.String() + "(…)"
			default:
				return text.String()
			}
		}
		return text.String()
	default:
		return "an expression"
	}
}

// literal reads a literal. It may be but the beginning of an expression.
func (r *pyReader) literal() pyValue {
	t := r.take()
	v := pyValue{pos: t.pos}
	switch {
	case t.kind == pyString:
		texts := []string{t.text}
		for r.peek().kind == pyString {
			texts = append(texts, r.take().text)
		}
		v.plain = strings.Join(texts, "")
	case t.kind == pyNumber:
		v.plain = 0
	case t.kind == pyName && (t.text == "True" || t.text == "False"):
		v.plain = t.text == "True"
	case t.kind == pyName && t.text == "None":
	case t.kind == pyOperator && r.depth < maxPyNesting:
		r.depth++
		defer func() { r.depth-- }()
		return r.container(t)
	default:
		v.computed = "an expression"
	}
	return v
}

// container reads a dict, a list, a tuple, or a value in parentheses, whose
// opening bracket was read.
func (r *pyReader) container(open pyToken) pyValue {
	v := pyValue{pos: open.pos, kind: pyList}
	closing := map[string]string{"{": "}", "[": "]", "(": ")"}[open.text]
	if open.text == "{" {
		v.kind = pyDict
	}
	commas := 0
	for closing != "" {
		if r.accept(closing) {
			if open.text == "(" && len(v.entries) == 1 && commas == 0 {
				return v.entries[0].value
			}
			return v
		}
		var e pyEntry
		if v.kind == pyDict {
			if r.peek().kind == pyOperator && r.peek().text == "**" {
				e.key = pyValue{pos: r.peek().pos, computed: "**"}
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
		} else if t := r.peek(); t.kind != pyOperator || t.text != closing {
			break
		}
	}
	v.computed = "an expression"
	return v
}
