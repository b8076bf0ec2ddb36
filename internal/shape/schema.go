package shape

import (
	"reflect"
	"strings"
)

// docOfEvents is the doc attribute that every schema of the event bus carries.
const docOfEvents = "Avro Event Format for CloudEvents created with openedx_events/schema"

// Schema returns the text of the Avro schema of t, as a record CloudEvent in
// the namespace given. It is the canonical text that schema registries compare:
// keys sorted, one space after each colon and comma.
func (t *Type) Schema(namespace string) string {
	var b []byte
	b = append(b, `{"doc": "`+docOfEvents+`", "fields": `...)
	b = append(b, t.fields...)
	b = append(b, `, "name": "`+topRecord+`", "namespace": `...)
	b = appendJSONString(b, namespace)
	b = append(b, `, "type": "record"}`...)
	return string(b)
}

// fieldsSchema returns the list of fields in the schema of record n.
func fieldsSchema(n *node) string {
	w := schemaWriter{defined: map[reflect.Type]bool{}}
	w.fields(n)
	return w.text.String()
}

// schemaWriter writes schema text and remembers which records it has defined:
// the second time, a record's name stands for it.
type schemaWriter struct {
	text    strings.Builder
	defined map[reflect.Type]bool
}

func (w *schemaWriter) fields(n *node) {
	w.text.WriteByte('[')
	for i, f := range n.fields {
		if i > 0 {
			w.text.WriteString(", ")
		}
		w.text.WriteByte('{')
		if f.node.form == nullable {
			w.text.WriteString(`"default": null, `)
		}
		w.text.WriteString(`"name": "` + f.name + `", "type": `)
		w.node(f.node)
		w.text.WriteByte('}')
	}
	w.text.WriteByte(']')
}

func (w *schemaWriter) node(n *node) {
	switch n.form {
	case nullable:
		w.text.WriteString(`["null", `)
		w.node(n.elem)
		w.text.WriteByte(']')
	case list:
		w.text.WriteString(`{"items": `)
		w.node(n.elem)
		w.text.WriteString(`, "type": "array"}`)
	case mapping:
		w.text.WriteString(`{"type": "map", "values": `)
		w.node(n.elem)
		w.text.WriteByte('}')
	case record:
		if w.defined[n.goType] {
			w.text.WriteString(`"` + n.name + `"`)
			return
		}
		w.defined[n.goType] = true
		w.text.WriteString(`{"fields": `)
		w.fields(n)
		w.text.WriteString(`, "name": "` + n.name + `", "type": "record"}`)
	default:
		w.text.WriteString(`"` + n.form.avro() + `"`)
	}
}
