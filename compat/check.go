package compat

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Check compares two schemas of one event type, in the form that signals have. It returns every
// change that the level forbids, in the order of the new schema's fields. A record that occurs
// several times has findings at each path. Exact returns all changes.
//
// On Redis, no schema travels: a schema that passes any other level than Exact can still break
// consumers there.
//
// The error is a [*SchemaError] if a text is not such a schema. The texts must come from a trusted
// source, since records within records can multiply the paths to compare.
func Check(oldText, newText string, level Level) ([]Finding, error) {
	was, err := parse(oldText)
	if err != nil {
		err.Schema = "old"
		return nil, err
	}
	is, err := parse(newText)
	if err != nil {
		err.Schema = "new"
		return nil, err
	}
	var c comparison
	c.compare("", was, is)
	if len(c.findings) == 0 && !sameJSON(oldText, newText) {
		c.add(Finding{Code: CodeAttributes, Found: "found other attributes, such as a doc or a default", Want: "the same text"})
	}
	return slices.DeleteFunc(c.findings, func(f Finding) bool { return !level.Forbids(f) }), nil
}

// sameJSON reports whether two texts that are JSON have the same value.
func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

// comparison collects the changes between two schemas.
type comparison struct{ findings []Finding }

func (c *comparison) add(f Finding) { c.findings = append(c.findings, f) }

func (c *comparison) compare(path string, was, is *schemaType) {
	found, want := "found "+is.String(), was.String()
	switch {
	case is.nullable && !was.nullable:
		c.add(Finding{Path: path, Code: CodeNullAdded, Found: found, Want: want, OldConsumers: true, Redis: true})
	case was.nullable && !is.nullable:
		c.add(Finding{Path: path, Code: CodeNullRemoved, Found: found, Want: want, NewConsumers: true, Redis: true})
	}
	switch {
	case was.kind != is.kind:
		c.add(Finding{
			Path: path, Code: CodeType, Found: found, Want: want,
			OldConsumers: !promotes(is.kind, was.kind), NewConsumers: !promotes(was.kind, is.kind), Redis: true,
		})
	case is.kind == "array":
		c.compare(path+"[]", was.elem, is.elem)
	case is.kind == "map":
		c.compare(path+"[...]", was.elem, is.elem)
	case is.kind == "record":
		c.records(path, was, is)
	}
}

// promotes reports whether a reader of one type accepts values of another one.
func promotes(writer, reader string) bool {
	switch writer {
	case "long":
		return reader == "double"
	case "string":
		return reader == "bytes"
	case "bytes":
		return reader == "string"
	default:
		return false
	}
}

func (c *comparison) records(path string, was, is *schemaType) {
	if was.name != is.name {
		c.add(Finding{
			Path: path, Code: CodeRecordName, Found: "found " + is.String(), Want: was.String(),
			OldConsumers: true, NewConsumers: true,
		})
	}
	// fastavro raises TypeError if it resolves a record to a nullable one, and exactly one of
	// the two schemas refers to the record by name.
	if was.nullable != is.nullable && was.isReference != is.isReference {
		c.add(Finding{
			Path: path, Code: CodeRecordReference, OldConsumers: was.nullable, NewConsumers: is.nullable,
			Found: fmt.Sprintf("found the definition of record %q in another field", is.name),
			Want:  "the same field, which the order of the fields decides",
		})
	}
	c.fields(path, was, is)
}

func (c *comparison) fields(path string, was, is *schemaType) {
	old := map[string]field{}
	for _, f := range was.fields {
		old[f.name] = f
	}
	kept := []string{} // in the order of the new schema
	for _, f := range is.fields {
		at := join(path, f.name)
		before, existed := old[f.name]
		if !existed {
			added := Finding{Path: at, Code: CodeFieldAdded, Found: fmt.Sprintf("found a new field, %s", f.dataType), Redis: true}
			if !f.hasDefault {
				added.NewConsumers, added.Want = true, "a nullable field, which has a default"
			}
			c.add(added)
			continue
		}
		kept = append(kept, f.name)
		delete(old, f.name)
		c.compare(at, before.dataType, f.dataType)
	}
	ordered := []string{} // the same fields, in the order of the old schema
	for _, f := range was.fields {
		if _, removed := old[f.name]; removed {
			c.add(Finding{
				Path: join(path, f.name), Code: CodeFieldRemoved, Found: "missing", Want: f.dataType.String(),
				OldConsumers: !f.hasDefault, Redis: true,
			})
			continue
		}
		ordered = append(ordered, f.name)
	}
	if !slices.Equal(kept, ordered) {
		c.add(Finding{
			Path: path, Code: CodeOrder, Redis: true,
			Found: "found the fields in the order " + strings.Join(kept, ", "), Want: strings.Join(ordered, ", "),
		})
	}
}
