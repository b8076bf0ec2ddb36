package compat

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Check compares the old and the new Avro schema of one event type. It returns every change that level
// forbids, in the order of the new schema's fields. Exact forbids every change. A record that occurs
// several times has findings at each path.
//
// Messages on Redis carry no schema. Only the level Exact protects consumers there.
//
// Check returns a [*SchemaError] if a text is not the schema of a signal. Both texts must come from a
// trusted source: records within records can multiply the number of paths to compare.
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
		c.add(Finding{Code: CodeAttributes, Found: "found a change of attributes only, such as doc, default or namespace", Want: "the old attributes"})
	}
	return slices.DeleteFunc(c.findings, func(f Finding) bool { return !level.Forbids(f) }), nil
}

// sameJSON reports whether a and b are JSON texts with equal values.
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
		c.add(Finding{Path: path, Code: CodeNullAdded, Found: found, Want: want, BreaksOldConsumers: true, BreaksOnRedis: true})
	case was.nullable && !is.nullable:
		c.add(Finding{Path: path, Code: CodeNullRemoved, Found: found, Want: want, BreaksNewConsumers: true, BreaksOnRedis: true})
	}
	switch {
	case was.kind != is.kind:
		c.add(Finding{
			Path: path, Code: CodeType, Found: found, Want: want,
			BreaksOldConsumers: !promotes(is.kind, was.kind), BreaksNewConsumers: !promotes(was.kind, is.kind), BreaksOnRedis: true,
		})
	case is.kind == "array":
		c.compare(path+"[]", was.elem, is.elem)
	case is.kind == "map":
		c.compare(path+"[...]", was.elem, is.elem)
	case is.kind == "record":
		c.compareRecords(path, was, is)
	}
}

// promotes reports whether fastavro reads a value of the Avro type writer as the other type reader.
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

func (c *comparison) compareRecords(path string, was, is *schemaType) {
	if was.name != is.name {
		c.add(Finding{
			Path: path, Code: CodeRecordName, Found: "found " + is.String(), Want: was.String(),
			BreaksOldConsumers: true, BreaksNewConsumers: true,
		})
	}
	// fastavro raises TypeError if one of the two types is nullable and the other is not, and exactly
	// one of them refers to the record by name.
	if was.nullable != is.nullable && was.isReference != is.isReference {
		c.add(Finding{
			Path: path, Code: CodeRecordReference, BreaksOldConsumers: was.nullable, BreaksNewConsumers: is.nullable,
			Found: fmt.Sprintf("found the definition of record %q in another field", is.name),
			Want:  "it in the same field as before: the first field that uses a record defines it",
		})
	}
	c.compareFields(path, was, is)
}

func (c *comparison) compareFields(path string, was, is *schemaType) {
	old := map[string]field{}
	for _, f := range was.fields {
		old[f.name] = f
	}
	kept := []string{} // in the order of the new schema
	for _, f := range is.fields {
		at := join(path, f.name)
		before, existed := old[f.name]
		if !existed {
			added := Finding{Path: at, Code: CodeFieldAdded, Found: fmt.Sprintf("found a new field of type %s", f.dataType), BreaksOnRedis: true}
			if !f.hasDefault {
				added.BreaksNewConsumers, added.Want = true, "a nullable field, which has a default"
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
				BreaksOldConsumers: !f.hasDefault, BreaksOnRedis: true,
			})
			continue
		}
		ordered = append(ordered, f.name)
	}
	if !slices.Equal(kept, ordered) {
		c.add(Finding{
			Path: path, Code: CodeOrder, BreaksOnRedis: true,
			Found: "found the fields in the order " + strings.Join(kept, ", "), Want: strings.Join(ordered, ", "),
		})
	}
}
