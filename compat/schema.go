package compat

import (
	"encoding/json"
	"fmt"
	"strings"
)

// SchemaError reports that a text is not the schema of a signal.
type SchemaError struct {
	// Schema is "old" or "new".
	Schema string
	// EventType is the event type of the schema, or empty if the schema is not part of a [Snapshot].
	EventType string
	// Path is the dotted path of wire names to the fault. It is empty for the outermost record.
	Path string
	// Found and Want are what the text has and what a signal's schema has there.
	Found, Want string
	// Err is the error of the JSON parser, or nil.
	Err error
}

// Error names the schema, the path and the fault.
func (e *SchemaError) Error() string {
	text := e.Schema + " schema"
	if e.EventType != "" {
		text += fmt.Sprintf(" of %q", e.EventType)
	}
	if e.Path != "" {
		text += ": " + e.Path
	}
	text += fmt.Sprintf(": found %s; want %s", e.Found, e.Want)
	if e.Err != nil {
		text += fmt.Sprintf(": %v", e.Err)
	}
	return text
}

// Unwrap returns Err.
func (e *SchemaError) Unwrap() error { return e.Err }

// schemaType is a type of a signal's schema.
type schemaType struct {
	kind        string // the Avro name of the type, without null
	nullable    bool
	name        string  // of a record, without namespace
	isReference bool    // the schema refers to a record that it defines at an earlier place
	fields      []field // of a record
	elem        *schemaType
}

type field struct {
	name       string
	hasDefault bool
	dataType   *schemaType
}

// String describes the type for a finding.
func (t *schemaType) String() string {
	text := t.kind
	if t.kind == "record" {
		text = fmt.Sprintf("record %q", t.name)
	}
	if t.nullable {
		text = "null or " + text
	}
	return text
}

// parse parses a text whose outermost type must be a record.
func parse(text string) (*schemaType, *SchemaError) {
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		return nil, &SchemaError{Found: "a text that is not JSON", Want: wantSchema, Err: err}
	}
	t, err := parser{}.parse(document, "")
	if err == nil && (t.kind != "record" || t.nullable) {
		err = &SchemaError{Found: t.String(), Want: "a record"}
	}
	return t, err
}

const (
	wantSchema = "an Avro schema"
	wantType   = "boolean, long, double, string, bytes, or a record that is defined before"
)

// parser holds the records that the text has defined so far, by name without namespace.
type parser map[string]*schemaType

func (p parser) parse(document any, path string) (*schemaType, *SchemaError) {
	switch d := document.(type) {
	case string:
		return p.named(d, path)
	case []any:
		if len(d) != 2 || d[0] != "null" {
			return nil, &SchemaError{Path: path, Found: "a union of unsupported types", Want: "null and one type"}
		}
		t, err := p.parse(d[1], path)
		if err != nil {
			return nil, err
		}
		if t.nullable {
			return nil, &SchemaError{Path: path, Found: "a union in a union", Want: "null and one type"}
		}
		nullable := *t
		nullable.nullable = true
		return &nullable, nil
	case map[string]any:
		return p.attributes(d, path)
	default:
		return nil, &SchemaError{Path: path, Found: "a type that is not a name, a list or an object", Want: wantSchema}
	}
}

func (p parser) named(name, path string) (*schemaType, *SchemaError) {
	switch name {
	case "boolean", "long", "double", "string", "bytes":
		return &schemaType{kind: name}, nil
	}
	defined := p[withoutNamespace(name)]
	if defined == nil {
		return nil, &SchemaError{Path: path, Found: fmt.Sprintf("type %q", name), Want: wantType}
	}
	reference := *defined
	reference.isReference = true
	return &reference, nil
}

func (p parser) attributes(document map[string]any, path string) (*schemaType, *SchemaError) {
	var err *SchemaError
	switch document["type"] {
	case "array":
		t := &schemaType{kind: "array"}
		t.elem, err = p.parse(document["items"], path+"[]")
		return t, err
	case "map":
		t := &schemaType{kind: "map"}
		t.elem, err = p.parse(document["values"], path+"[...]")
		return t, err
	case "record":
		return p.record(document, path)
	default: // a type with further attributes
		return p.parse(document["type"], path)
	}
}

func (p parser) record(document map[string]any, path string) (*schemaType, *SchemaError) {
	name, _ := document["name"].(string)
	fields, isList := document["fields"].([]any)
	t := &schemaType{kind: "record", name: withoutNamespace(name)}
	switch {
	case t.name == "" || !isList:
		return nil, &SchemaError{Path: path, Found: "a record without a name or fields", Want: wantSchema}
	case p[t.name] != nil:
		return nil, &SchemaError{Path: path, Found: fmt.Sprintf("a second definition of %q", t.name), Want: "one"}
	}
	seen := map[string]bool{}
	for _, document := range fields {
		attributes, _ := document.(map[string]any)
		name, _ := attributes["name"].(string)
		if name == "" || seen[name] {
			return nil, &SchemaError{Path: path, Found: fmt.Sprintf("a field with the name %q", name), Want: "one field of each name"}
		}
		seen[name] = true
		dataType, err := p.parse(attributes["type"], join(path, name))
		if err != nil {
			return nil, err
		}
		_, hasDefault := attributes["default"]
		t.fields = append(t.fields, field{name, hasDefault, dataType})
	}
	p[t.name] = t // after its fields, so that a record that contains itself is an error
	return t, nil
}

func withoutNamespace(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
