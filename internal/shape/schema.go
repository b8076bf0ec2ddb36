package shape

import "reflect"

// schemaDoc is the doc attribute of every schema of the event bus.
const schemaDoc = "Avro Event Format for CloudEvents created with openedx_events/schema"

// Schema returns the text of the Avro schema of t: a record CloudEvent in the given namespace.
// Schema registries compare this text byte for byte. Its keys are sorted, with one space after
// each colon and comma.
func (t *Type) Schema(namespace string) string {
	w := schemaWriter{make([]byte, 0, 1024), map[reflect.Type]bool{}}
	w.write(`{"doc": "`, schemaDoc, `", "fields": `)
	w.fields(t.root)
	w.write(`, "name": "`, topRecord, `", "namespace": `)
	w.text = appendJSONString(w.text, namespace)
	w.write(`, "type": "record"}`)
	return string(w.text)
}

// schemaWriter writes the text of a schema. It defines a record once and then refers to it by
// name.
type schemaWriter struct {
	text    []byte
	defined map[reflect.Type]bool
}

func (w *schemaWriter) write(parts ...string) {
	for _, part := range parts {
		w.text = append(w.text, part...)
	}
}

func (w *schemaWriter) fields(n *node) {
	w.write(`[`)
	for i, f := range n.fields {
		if i > 0 {
			w.write(", ")
		}
		w.write(`{`)
		if f.node.form == nullable {
			w.write(`"default": null, `)
		}
		w.write(`"name": "`, f.name, `", "type": `)
		w.node(f.node)
		w.write(`}`)
	}
	w.write(`]`)
}

func (w *schemaWriter) node(n *node) {
	switch n.form {
	case nullable:
		w.write(`["null", `)
		w.node(n.elem)
		w.write(`]`)
	case list:
		w.write(`{"items": `)
		w.node(n.elem)
		w.write(`, "type": "array"}`)
	case mapping:
		w.write(`{"type": "map", "values": `)
		w.node(n.elem)
		w.write(`}`)
	case record:
		if w.defined[n.goType] {
			w.write(`"`, n.name, `"`)
			return
		}
		w.defined[n.goType] = true
		w.write(`{"fields": `)
		w.fields(n)
		w.write(`, "name": "`, n.name, `", "type": "record"}`)
	default:
		w.write(`"`, n.form.avro(), `"`)
	}
}
