package configfile

import (
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/signalcast/signalcast"
)

// pySetting is the name of the setting in the Open edX event bus's settings.
const pySetting = ProducerConfigVariable

// What a problem of a Python file allows.
const (
	wantLiteral   = "a literal; write the value into the result by hand"
	wantStatement = "assignments, updates and |= of literals at the top level of the file"
)

// ConvertPython reads the setting EVENT_BUS_PRODUCER_CONFIG from the text of a
// Python settings file, without running it:
//
//	EVENT_BUS_PRODUCER_CONFIG = {…}
//	EVENT_BUS_PRODUCER_CONFIG.update({…})
//	EVENT_BUS_PRODUCER_CONFIG['org.example.user.created.v1']['users']['enabled'] = True
//
// Statements apply in their order. Topics may be given as an object or as the
// old form's list. Whatever is computed is a problem with its place, and absent
// from the result: a call, a name, a format string, a statement in a block.
// Name is the layer's, and the error a [*signalcast.ValidationError]; the layer
// returned with it holds what could be converted.
func ConvertPython(name string, text []byte) (signalcast.Layer, error) {
	d := newDocument(name)
	if !d.fits(text, MaxPythonBytes) {
		return d.layer()
	}
	if !utf8.Valid(text) {
		d.fault(signalcast.ConfigPath{}, signalcast.Position{}, "found text that is not UTF-8", "Unicode text")
		return d.layer()
	}
	tokens, fault := tokenizePython(string(text))
	c := pyConversion{d, pyReader{tokens: tokens}}
	found := false
	for c.peek().kind != pyEnd {
		found = c.statement() || found
	}
	last := tokens[len(tokens)-1].pos
	switch {
	case fault != "":
		d.fault(signalcast.ConfigPath{}, last, "found "+fault, "")
	case !found:
		d.fault(signalcast.ConfigPath{}, last, "found no "+pySetting, wantStatement)
	}
	return d.layer()
}

// pyConversion applies the statements of a file to a document.
type pyConversion struct {
	*document
	pyReader
}

// statement reads one statement and reports whether the setting is in it.
func (c *pyConversion) statement() bool {
	start := c.next
	for c.peek().kind != pyNewline && c.peek().kind != pyEnd {
		c.next++
	}
	statement := c.tokens[start:c.next]
	c.next++
	named := slices.IndexFunc(statement, func(t pyToken) bool {
		return (t.kind == pyName || t.kind == pyString) && t.text == pySetting
	})
	if named < 0 {
		return false
	}
	pos := statement[named].pos
	ended := pyToken{kind: pyNewline, pos: statement[len(statement)-1].pos}
	s := pyStatement{c.document, pyReader{tokens: append(slices.Clone(statement[1:]), ended, pyToken{kind: pyEnd, pos: ended.pos})}}
	switch first := statement[0]; {
	case first.kind != pyName || named > 0:
		c.fault(signalcast.ConfigPath{}, pos, pySetting+" is used by "+(&pyReader{tokens: append(slices.Clip(statement), ended)}).describe(), wantStatement)
	case first.pos.Column > 1:
		c.fault(signalcast.ConfigPath{}, pos, pySetting+" is changed in a block, which may or may not run", wantStatement)
	default:
		s.apply(pos)
	}
	return true
}

// pyStatement is what follows the setting's name in a statement.
type pyStatement struct {
	*document
	pyReader
}

func (s *pyStatement) apply(pos signalcast.Position) {
	var path []pyValue
	for s.accept("[") {
		key := s.value(false)
		if text, ok := key.plain.(string); !ok || text == "" || !s.accept("]") || len(path) == 3 {
			if key.computed == "" {
				key.computed = "a key that is not a name"
			}
			s.computed(signalcast.ConfigPath{}, key)
			return
		}
		path = append(path, key)
	}
	update, called := false, false
	switch {
	case s.accept("|="):
		update = true
	case s.accept("."):
		method := s.take().text
		if method != "update" || !s.accept("(") {
			s.fault(signalcast.ConfigPath{}, pos, "found ."+method, wantStatement)
			return
		}
		update, called = true, true
	default:
		if len(path) == 0 && s.accept(":") { // an annotation
			for s.peek().kind != pyNewline && (s.peek().kind != pyOperator || s.peek().text != "=") {
				s.next++
			}
		}
		if !s.accept("=") {
			if s.peek().kind != pyNewline { // else it is only read or declared
				s.fault(signalcast.ConfigPath{}, pos, "found a statement that is not converted", wantStatement)
			}
			return
		}
	}
	value := s.value(false)
	if called {
		_ = s.accept(",")
		_ = s.accept(")")
	}
	if s.peek().kind != pyNewline && value.computed == "" {
		value.computed = "an expression"
	}
	s.set(path, value, update)
}

// set makes the value the one at a path, or puts its entries there.
func (s *pyStatement) set(path []pyValue, value pyValue, update bool) {
	object, at := s.tree, signalcast.ConfigPath{}
	for i, key := range path {
		name, _ := key.plain.(string)
		at = child(at, name)
		s.positions[at] = key.pos
		if i == len(path)-1 && !update {
			s.put(object, name, value, at)
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
	case value.computed != "":
		s.computed(at, value)
	case value.kind != pyDict:
		s.fault(at, value.pos, "found no dict", "a dict")
	default:
		if !update {
			clear(object)
		}
		s.fill(object, value, at)
	}
}

// put converts a value to the tree.
func (s *pyStatement) put(object map[string]any, name string, value pyValue, at signalcast.ConfigPath) {
	delete(object, name)
	switch {
	case value.computed != "":
		s.computed(at, value)
	case value.kind == pyDict:
		below := map[string]any{}
		object[name] = below
		if at.Field == "" {
			s.fill(below, value, at)
		}
	case value.kind == pyList && at.Topic == "":
		object[name] = s.topics(value, at)
	case value.kind == pyList:
		object[name] = []any{}
	default:
		object[name] = value.plain
	}
}

// fill converts the entries of a dict.
func (s *pyStatement) fill(object map[string]any, dict pyValue, at signalcast.ConfigPath) {
	seen := map[string]signalcast.Position{}
	for _, e := range dict.entries {
		name, isString := e.key.plain.(string)
		path := at
		if isString && name != "" {
			path = child(at, name)
		}
		switch first, again := seen[name]; {
		case e.key.computed != "":
			s.computed(at, e.key)
			continue
		case !isString:
			s.fault(at, e.key.pos, "found a key that is no string", "a string")
			continue
		case name == "":
			object[""] = nil // refused by the rules
			continue
		case again:
			s.fault(path, e.key.pos, fmt.Sprintf("duplicate key; first set at line %d, column %d", first.Line, first.Column), "")
		}
		seen[name] = e.key.pos
		s.positions[path] = e.key.pos
		s.put(object, name, e.value, path)
	}
}

// topics converts the old form's list of topics.
func (s *pyStatement) topics(list pyValue, at signalcast.ConfigPath) map[string]any {
	const key = "topic"
	topics := map[string]any{}
	for _, item := range list.entries {
		entry := item.value
		if entry.computed != "" {
			s.computed(at, entry)
			continue
		}
		named := slices.IndexFunc(entry.entries, func(e pyEntry) bool { return e.key.plain == any(key) })
		if entry.kind != pyDict || named < 0 {
			s.fault(at, entry.pos, "found an entry without a topic", "the topic of the entry")
			continue
		}
		topic, isString := entry.entries[named].value.plain.(string)
		if v := entry.entries[named].value; v.computed != "" || !isString || topic == "" {
			if v.computed == "" {
				v.computed = "something that is no name"
			}
			s.computed(at, v)
			continue
		}
		path, settings := child(at, topic), map[string]any{}
		entry.entries = slices.Delete(slices.Clone(entry.entries), named, named+1)
		s.fill(settings, entry, path)
		if earlier, again := topics[topic]; again && !reflect.DeepEqual(earlier, any(settings)) {
			first := s.positions[path]
			s.fault(path, entry.pos, fmt.Sprintf("found other settings than at line %d, column %d", first.Line, first.Column), "equal entries for a topic")
			continue
		}
		topics[topic], s.positions[path] = settings, entry.pos
	}
	return topics
}

func (s *pyStatement) computed(at signalcast.ConfigPath, v pyValue) {
	s.fault(at, v.pos, "computed by "+v.computed, wantLiteral)
}
