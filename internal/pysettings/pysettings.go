// Package pysettings reads the setting EVENT_BUS_PRODUCER_CONFIG from a Python settings file
// without running it.
//
// It splits the text into tokens and statements, and applies assignments of literals to the
// setting. It reports every other statement that can change the setting, with its line. If Python
// runs the file, a result without problems is the configuration that Python computes.
package pysettings

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/configtree"
)

// MaxBytes is the size of the largest settings file: 4 MiB.
const MaxBytes = 4 << 20

// setting is the name of the setting.
const setting = "EVENT_BUS_PRODUCER_CONFIG"

// Texts of Problem.Want.
const (
	wantLiteral   = "a literal; add the value to the result by hand"
	wantStatement = "=, update and |= with literals, at the top level of the file"
)

// Read reads the setting from the text of a Python settings file:
//
//	EVENT_BUS_PRODUCER_CONFIG = {…}
//	EVENT_BUS_PRODUCER_CONFIG.update({…})
//	EVENT_BUS_PRODUCER_CONFIG['org.example.user.created.v1']['users']['enabled'] = True
//
// Read applies the statements in their order. The topics of an event type are a dict, or a list in
// the old form. A name that is assigned only once, at the top level, to a string or a boolean
// counts as that literal. Any other value is a problem with its line, and is not in the result. A
// statement that can change the setting in another way is a problem too.
//
// name is the name of the layer. The error is a [*signalcast.ValidationError]. Read returns the
// converted part of the layer beside it.
func Read(name string, text []byte) (signalcast.Layer, error) {
	d := configtree.New(name)
	if !d.Fits(text, MaxBytes) {
		return d.Layer()
	}
	if found, want := checkEncoding(text); found != "" {
		d.Fault(signalcast.CodeInvalidText, signalcast.ConfigPath{}, signalcast.Position{}, found, want)
		return d.Layer()
	}
	tokens, fault := tokenize(string(text))
	if fault != nil {
		d.Fault(fault.code, signalcast.ConfigPath{}, fault.pos, fault.found, fault.want)
		return d.Layer()
	}
	c := conversion{Document: d, constants: map[string]any{}}
	statements := split(tokens)
	all, found := constants(statements), false
	for _, s := range statements {
		found = c.apply(s) || found
		if name := s.tokens[0].text; all[name] != nil && !s.block && !c.unknown {
			c.constants[name] = all[name] // known to the statements that follow
		}
	}
	for _, s := range c.indirect {
		d.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, s.pos, "found "+s.by+", which can change "+setting, wantStatement)
	}
	if !found && len(c.indirect) == 0 {
		d.Fault(signalcast.CodeMissing, signalcast.ConfigPath{}, tokens[len(tokens)-1].pos, "found no "+setting, wantStatement)
	}
	return d.Layer()
}

var coding = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)

// checkEncoding reports a text that Python reads in another encoding than UTF-8. A comment in one of
// the first two lines declares the encoding (PEP 263). A text in ASCII is the same in UTF-8 and
// in the encodings that include ASCII.
func checkEncoding(text []byte) (found, want string) {
	ascii := !slices.ContainsFunc(text, func(b byte) bool { return b >= utf8.RuneSelf })
	lines := strings.SplitN(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text[:min(len(text), 4096)])), "\n", 3)
	for _, line := range lines[:min(len(lines), 2)] {
		match := coding.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		name := strings.ReplaceAll(strings.ToLower(match[1]), "_", "-")
		utf8Name := slices.Contains([]string{"utf-8", "utf8", "u8", "utf-8-sig"}, name)
		includesASCII := name == "ascii" || name == "us-ascii" || strings.HasPrefix(name, "latin") ||
			strings.HasPrefix(name, "iso-8859") || strings.HasPrefix(name, "cp125") || strings.HasPrefix(name, "windows-125")
		if !utf8Name && (!ascii || !includesASCII) {
			return "found the encoding " + shorten(match[1]), "utf-8"
		}
		break
	}
	if !utf8.Valid(text) {
		return "found invalid UTF-8", "text in UTF-8"
	}
	return "", ""
}

// shorten bounds a text from a file that a message shows.
func shorten(text string) string {
	const maxShown = 80
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// conversion applies the statements of a file to a document.
type conversion struct {
	*configtree.Document

	constants map[string]any // constants that the statements so far assign
	unknown   bool           // a statement so far can change constants at any time
	indirect  []change       // changes since the last assignment of the whole setting
}

// change is a statement that does not name the setting and can change it.
type change struct {
	pos signalcast.Position
	by  string
}

// apply applies one statement and reports whether it names the setting.
func (c *conversion) apply(s statement) bool {
	named := slices.IndexFunc(s.tokens, func(t token) bool {
		return t.kind == stringToken && t.text == setting || slices.Contains(t.words(), setting)
	})
	if by, pos := s.indirect(); by != "" {
		c.indirect = append(c.indirect, change{pos, by})
		clear(c.constants)
		c.unknown = c.unknown || !isOnce(by)
	}
	if named < 0 {
		return false
	}
	pos := s.tokens[named].pos
	switch first := s.tokens[0]; {
	case first.kind != nameToken || named > 0:
		begin := "an expression"
		if first.kind == nameToken {
			begin = newReader(s.tokens, nil).callee()
		}
		c.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, "found "+setting+" in a statement that begins with "+begin, wantStatement)
	case s.block:
		c.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, "found "+setting+" in a block that Python may not run", wantStatement)
	default:
		(&assignment{conversion: c, reader: newReader(s.tokens[1:], c.constants)}).apply(pos)
	}
	return true
}

// assignment is the rest of a statement after the name of the setting.
type assignment struct {
	*conversion
	*reader
}

func (a *assignment) apply(pos signalcast.Position) {
	var path []value
	for a.accept("[") {
		key := a.value(false)
		if text, ok := key.plain.(string); !ok || text == "" || !a.accept("]") || len(path) == 3 {
			switch {
			case len(path) == 3:
				key.other = "a fourth subscript"
			case key.other == "":
				key.other = "a subscript that is not a name"
			}
			a.notLiteral(signalcast.ConfigPath{}, key)
			return
		}
		path = append(path, key)
	}
	update, called := false, false
	switch {
	case a.accept("|="):
		update = true
	case a.accept("."):
		method := a.advance().text
		if method != "update" || !a.accept("(") {
			a.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, "found ."+shorten(method), wantStatement)
			return
		}
		update, called = true, true
	default:
		if len(path) == 0 && a.accept(":") { // an annotation
			for t := a.peek(); t.kind != newlineToken && !slices.Contains([]string{"=", "(", setting}, t.text); t = a.peek() {
				a.next++
			}
		}
		if !a.accept("=") {
			if a.peek().kind != newlineToken { // the name alone changes nothing
				a.Fault(signalcast.CodeSyntax, signalcast.ConfigPath{}, pos, "found another statement with "+setting, wantStatement)
			}
			return
		}
	}
	v := a.value(false)
	if called {
		_ = a.accept(",")
		_ = a.accept(")")
	}
	if a.peek().kind != newlineToken && v.other == "" {
		v.other = "an expression"
	}
	if len(path) == 0 && !update && v.other == "" {
		a.indirect = slices.DeleteFunc(a.indirect, func(c change) bool { return isOnce(c.by) })
	}
	a.set(path, v, update)
}

// set sets the value at a path. If update is true, it adds the entries of the value there.
func (a *assignment) set(path []value, v value, update bool) {
	object, at := a.Tree, signalcast.ConfigPath{}
	for i, key := range path {
		name, _ := key.plain.(string)
		at = configtree.Child(at, name)
		a.Positions[at] = key.pos
		if i == len(path)-1 && !update {
			a.put(object, name, v, at)
			return
		}
		below, isObject := object[name].(map[string]any)
		if !isObject {
			below = map[string]any{}
			object[name] = below
		}
		object = below
	}
	switch {
	case v.other != "":
		a.notLiteral(at, v)
	case v.kind != dictValue:
		a.Fault(signalcast.CodeWrongType, at, v.pos, "found a value that is not a dict", "a dict")
	default:
		if !update {
			clear(object)
		}
		a.fill(object, v, at)
	}
}

// put converts a value and sets it in an object of the tree.
func (a *assignment) put(object map[string]any, name string, v value, at signalcast.ConfigPath) {
	delete(object, name)
	switch {
	case v.other != "":
		a.notLiteral(at, v)
	case v.kind == dictValue:
		below := map[string]any{}
		object[name] = below
		if at.Field == "" {
			a.fill(below, v, at)
		}
	case v.kind == listValue && at.Topic == "":
		object[name] = a.topics(v, at)
	case v.kind == listValue:
		object[name] = []any{}
	default:
		object[name] = v.plain
	}
}

// fill converts the entries of a dict and sets them in an object of the tree.
func (a *assignment) fill(object map[string]any, dict value, at signalcast.ConfigPath) {
	seen := map[string]signalcast.Position{}
	for _, e := range dict.entries {
		name, isString := e.key.plain.(string)
		path := at
		if isString && name != "" {
			path = configtree.Child(at, name)
		}
		switch first, again := seen[name]; {
		case e.key.other != "":
			a.notLiteral(at, e.key)
			continue
		case !isString:
			a.Fault(signalcast.CodeWrongType, at, e.key.pos, "found a key that is not a string", "a string")
			continue
		case name == "":
			object[""] = nil // Layer reports it
			continue
		case again:
			a.Fault(signalcast.CodeDuplicateKey, path, e.key.pos,
				fmt.Sprintf("duplicate key; first set at line %d, column %d", first.Line, first.Column), "")
		}
		seen[name] = e.key.pos
		a.Positions[path] = e.key.pos
		a.put(object, name, e.value, path)
	}
}

// topics converts a list of topics in the old form.
func (a *assignment) topics(list value, at signalcast.ConfigPath) map[string]any {
	const key = "topic"
	topics := map[string]any{}
	for _, item := range list.entries {
		entry := item.value
		if entry.other != "" {
			a.notLiteral(at, entry)
			continue
		}
		named := slices.IndexFunc(entry.entries, func(e dictEntry) bool { return e.key.plain == any(key) })
		if entry.kind != dictValue || named < 0 {
			a.Fault(signalcast.CodeMissing, at, entry.pos, "found a list entry without a topic", "a dict with the key topic")
			continue
		}
		topic, isString := entry.entries[named].value.plain.(string)
		if v := entry.entries[named].value; v.other != "" || !isString || topic == "" {
			if v.other == "" {
				v.other = "a topic that is not a name"
			}
			a.notLiteral(at, v)
			continue
		}
		path, settings := configtree.Child(at, topic), map[string]any{}
		entry.entries = slices.Delete(slices.Clone(entry.entries), named, named+1)
		a.fill(settings, entry, path)
		if earlier, again := topics[topic]; again && !reflect.DeepEqual(earlier, any(settings)) {
			first := a.Positions[path]
			a.Fault(signalcast.CodeConflict, path, entry.pos,
				fmt.Sprintf("found other settings of the topic than at line %d, column %d", first.Line, first.Column), "equal settings")
			continue
		}
		topics[topic], a.Positions[path] = settings, entry.pos
	}
	return topics
}

func (a *assignment) notLiteral(at signalcast.ConfigPath, v value) {
	a.Fault(signalcast.CodeSyntax, at, v.pos, "found "+v.other, wantLiteral)
}
