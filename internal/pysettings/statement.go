package pysettings

import (
	"slices"
	"strings"

	"github.com/signalcast/signalcast"
)

// statement is one statement.
type statement struct {
	tokens []token // without the newlineToken at its end
	block  bool    // the statement is in a block or starts one; Python may not run it, or run it later
}

// compound lists the keywords that start a block.
var compound = []string{ //nolint:gochecknoglobals // a constant list
	"async", "case", "class", "def", "elif", "else", "except", "finally", "for", "if", "match", "try", "while", "with",
}

// split returns the statements of a text. A statement after a semicolon is in the same block as the
// first statement of its line.
func split(tokens []token) []statement {
	var statements []statement
	start, block := 0, false
	for i, t := range tokens {
		if t.kind != newlineToken && t.kind != endToken {
			continue
		}
		if part := tokens[start:i]; len(part) > 0 {
			if start == 0 || tokens[start-1].text != ";" {
				first := part[0]
				block = first.indented || first.kind == nameToken && slices.Contains(compound, first.text)
			}
			statements = append(statements, statement{part, block})
		}
		start = i + 1
	}
	return statements
}

// Statements that can change the setting without its name.
const (
	starImport   = "an import of all names"
	nameUpdate   = "an update of all names"
	moduleAccess = "code that gets the name of the module"
	execution    = "code that executes text or changes names"
)

// isOnce reports whether a change described by by happens only when Python runs the statement. Other
// changes can happen at any time after it.
func isOnce(by string) bool { return by == starImport || by == nameUpdate }

// executors are names of functions and attributes that execute text or change names.
var executors = []string{ //nolint:gochecknoglobals // a constant list
	"__builtins__", "__dict__", "__setattr__", "builtins", "delattr", "eval", "exec", "execfile", "f_builtins", "f_globals", "f_locals",
	"globals", "locals", "modules", "setattr", "vars",
}

// indirect describes the part of the statement that can change the setting without its name, and
// returns its position. by is empty if the statement has no such part.
func (s *statement) indirect() (by string, pos signalcast.Position) {
	var calls []bool // for each open bracket, whether it holds the arguments of a call
	for i, t := range s.tokens {
		found := ""
		switch {
		case isOpening(t):
			calls = append(calls, t.text == "(" && i > 0 && s.tokens[i-1].kind == nameToken && s.tokens[i-1].text != "getLogger")
		case isClosing(t):
			calls = calls[:max(len(calls)-1, 0)]
		case t.text == "*" && i > 0 && s.tokens[0].text == "from" && s.tokens[i-1].text == "import":
			found = starImport
		case i == 0 && s.updatesNames():
			found = nameUpdate
		case slices.ContainsFunc(t.words(), func(word string) bool { return slices.Contains(executors, word) }):
			found = execution
		case t.kind == nameToken && t.text == "__name__" && len(calls) > 0 && calls[len(calls)-1]:
			found = moduleAccess
		}
		if found != "" && (by == "" || isOnce(by)) {
			by, pos = found, t.pos
		}
	}
	if by != "" && s.block { // Python can run the statement at any time after it
		by += " in a block"
	}
	return by, pos
}

// updatesNames reports whether the statement begins with globals().update, or that of locals or vars.
func (s *statement) updatesNames() bool {
	var start []string
	for _, t := range s.tokens[:min(len(s.tokens), 5)] {
		start = append(start, t.text)
	}
	return len(start) == 5 && slices.Contains([]string{"globals", "locals", "vars"}, start[0]) &&
		slices.Equal(start[1:], []string{"(", ")", ".", "update"})
}

// constants returns the names that are assigned to a string or a boolean at the top level, and that no
// other statement can assign.
func constants(statements []statement) map[string]any {
	values := map[string]any{}
	assigned := map[string]int{}
	for _, s := range statements {
		for _, name := range s.assigned() {
			assigned[name]++
		}
		first := s.tokens[0]
		if s.block || first.kind != nameToken || len(s.tokens) < 3 || s.tokens[1].text != "=" {
			continue
		}
		r := newReader(s.tokens[2:], nil)
		v := r.value(false)
		if _, isNumber := v.plain.(int); v.other == "" && v.kind == plainValue && v.plain != nil && !isNumber && r.peek().kind == newlineToken {
			values[first.text] = v.plain
		}
	}
	for name := range values {
		if assigned[name] != 1 {
			delete(values, name)
		}
	}
	return values
}

// assigned returns every name that the statement can assign. It may return other names too.
func (s *statement) assigned() []string {
	first := s.tokens[0]
	all := s.block || first.kind == nameToken && slices.Contains([]string{"del", "from", "global", "import", "nonlocal", "type"}, first.text)
	last, depth := 0, 0 // last is the index of the last = outside of brackets
	for i, t := range s.tokens {
		switch {
		case t.kind == nameToken && (t.text == "for" || t.text == "lambda"):
			all = true
		case t.kind != operatorToken:
		case isOpening(t):
			depth++
		case isClosing(t):
			depth--
		case depth == 0 && (t.text == "=" || t.text == "|="):
			last = i
		}
	}
	var names []string
	inside := 0 // open brackets of subscripts and calls, which assign no name
	for i, t := range s.tokens {
		switch {
		case t.kind == formatToken && strings.Contains(t.text, ":="):
			names = append(names, t.words()...)
		case t.kind == nameToken:
			walrus := i+1 < len(s.tokens) && s.tokens[i+1].text == ":="
			if all || i == 0 || walrus || i < last && inside == 0 {
				names = append(names, t.text)
			}
		case t.kind != operatorToken:
		case isOpening(t) && (inside > 0 || i > 0 && (s.tokens[i-1].kind == nameToken || isClosing(s.tokens[i-1]))):
			inside++
		case isClosing(t) && inside > 0:
			inside--
		}
	}
	return names
}

func isOpening(t token) bool {
	return t.kind == operatorToken && (t.text == "(" || t.text == "[" || t.text == "{")
}

func isClosing(t token) bool {
	return t.kind == operatorToken && (t.text == ")" || t.text == "]" || t.text == "}")
}
