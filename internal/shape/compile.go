package shape

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// topRecord is the name of the outermost record, whatever the Go type is called.
const topRecord = "CloudEvent"

// wantStruct says what event data is.
const wantStruct = "a struct whose fields are the arguments of the event"

// analyse turns t into a tree of nodes.
func analyse(t reflect.Type) (*node, error) {
	a := analysis{
		nodes:   map[reflect.Type]*node{},
		records: map[string]reflect.Type{topRecord: t},
	}
	root := &node{form: record, goType: t, name: topRecord}
	text, embedded := textMethodsOf(t)
	switch {
	case t.Kind() != reflect.Struct:
		a.fault("", wantStruct, "found %v", t)
	case embedded != nil:
		a.embeddedText(t, embedded, "")
	case t == reflect.TypeFor[time.Time](), text != nil:
		a.fault("", wantStruct, "found %v, which is written as text", t)
	case isGeneric(t):
		a.fault("", "a declared type that is not generic", "found the generic type %v", t)
	default:
		a.nodes[t] = nil
		root.fields = a.fields(t, "")
	}
	if len(a.faults) > 0 {
		return nil, &TypeError{Type: t, Fields: a.faults}
	}
	return root, nil
}

// analysis is the state of one walk over a type.
type analysis struct {
	nodes   map[reflect.Type]*node  // nil while the type is being analysed
	records map[string]reflect.Type // by record name
	faults  []FieldError
}

func (a *analysis) fault(path, want, format string, args ...any) {
	if len(a.faults) < maxFaults {
		a.faults = append(a.faults, FieldError{Path: path, Found: fmt.Sprintf(format, args...), Want: want})
	}
}

// node analyses t, found at path. The node of a type with faults is not used. Such a
// type is analysed again wherever it appears, so that every field at fault is reported.
func (a *analysis) node(t reflect.Type, path string) *node {
	n, known := a.nodes[t]
	if known {
		if n == nil {
			a.fault(path, "a type that is not recursive", "found %v, which contains itself", t)
			n = &node{}
		}
		return n
	}
	a.nodes[t] = nil
	before := len(a.faults)
	n = a.analyse(t, path)
	n.goType = t
	if len(a.faults) == before || before == maxFaults {
		a.nodes[t] = n
	} else {
		delete(a.nodes, t)
	}
	return n
}

func (a *analysis) analyse(t reflect.Type, path string) *node {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &node{form: timeForm}
	case reflect.TypeFor[time.Duration]():
		a.fault(path, "an integer with the unit in its name", "found time.Duration, whose unit would be lost")
		return &node{}
	}
	if text, embedded := textMethodsOf(t); text != nil {
		if embedded != nil {
			a.embeddedText(t, embedded, path)
		}
		if isNullable(t) {
			a.fault(path, "a pointer to the type that it wraps", "found %v, which has no text for null", t)
		}
		return &node{form: textForm, text: text, validate: receiverOf[validator](t)}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return a.pointer(t, path)
	case reflect.Slice:
		return a.slice(t, path)
	case reflect.Map:
		return a.mapping(t, path)
	case reflect.Struct:
		return a.record(t, path)
	default:
		form, ok := scalars(t)
		if !ok {
			a.fault(path, instead(t.Kind()), "found %v", t)
		}
		return &node{form: form, validate: receiverOf[validator](t)}
	}
}

// embeddedText reports a struct t whose text form can be that of its embedded field.
func (a *analysis) embeddedText(t, embedded reflect.Type, path string) {
	a.fault(path, "a field with a name in place of the embedded one", "found %v, which embeds %v, a type with a text form", t, embedded)
}

// scalars returns the form of Go's own scalar types.
func scalars(t reflect.Type) (form, bool) {
	switch t.Kind() {
	case reflect.Bool:
		return boolean, true
	case reflect.Int:
		if t.Size() == 4 {
			return int32Form, true
		}
		return int64Form, true
	case reflect.Int64:
		return int64Form, true
	case reflect.Int32:
		return int32Form, true
	case reflect.Int16:
		return int16Form, true
	case reflect.Int8:
		return int8Form, true
	case reflect.Uint32:
		return uint32Form, true
	case reflect.Uint16:
		return uint16Form, true
	case reflect.Uint8:
		return uint8Form, true
	case reflect.Float64:
		return float64Form, true
	case reflect.Float32:
		return float32Form, true
	case reflect.String:
		return stringForm, true
	default:
		return 0, false
	}
}

// instead says what to use for a kind that has no wire form.
func instead(k reflect.Kind) string {
	switch k {
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return "int64, uint32 or string, since integers on the wire are signed 64-bit"
	case reflect.Array:
		return "a slice, or a type with MarshalText"
	case reflect.Interface:
		return "a concrete type, or a string that holds JSON"
	case reflect.Complex64, reflect.Complex128:
		return "a struct of two floats, or a type with MarshalText"
	default:
		return "a type that can be on the wire, or the tag `avro:\"-\"`"
	}
}

func (a *analysis) pointer(t reflect.Type, path string) *node {
	elem := t.Elem()
	if elem.Kind() == reflect.Pointer {
		a.fault(path, elem.String(), "found %v", t)
		return &node{}
	}
	return &node{form: nullable, elem: a.node(elem, path)}
}

func (a *analysis) slice(t reflect.Type, path string) *node {
	elem := t.Elem()
	// A byte with methods is a scalar of its own, and a slice of them a list.
	if elem.Kind() == reflect.Uint8 && !hasText(elem) && receiverOf[validator](elem) == nil {
		return &node{form: bytesForm, validate: receiverOf[validator](t)}
	}
	return &node{form: list, elem: a.node(elem, path+"[]")}
}

func (a *analysis) mapping(t reflect.Type, path string) *node {
	key := t.Key()
	switch {
	case key.Kind() != reflect.String:
		a.fault(path, "keys of a string type", "found a map with keys of type %v", key)
	case hasText(key):
		a.fault(path, "keys of a string type without a text form", "found a map with keys of type %v, which has a text form", key)
	}
	return &node{form: mapping, elem: a.node(t.Elem(), path+"[...]"), validate: receiverOf[validator](key)}
}

func (a *analysis) record(t reflect.Type, path string) *node {
	n := &node{form: record, name: a.recordName(t, path)}
	if first, taken := a.records[n.name]; taken && first != t && n.name != "" {
		a.fault(path, wantRecordName, "found record name %q of %v, which %v has too", n.name, t, first)
	} else {
		a.records[n.name] = t
	}
	n.fields = a.fields(t, path)
	return n
}

// wantRecordName says how to change the name of a record.
const wantRecordName = "another name, by a field _ struct{} `avro:\"OtherName\"`"

// recordName returns the name of the record t, or "" after a fault.
func (a *analysis) recordName(t reflect.Type, path string) string {
	if isGeneric(t) {
		a.fault(path, "a declared type that is not generic", "found the generic type %v", t)
		return ""
	}
	name := t.Name()
	for f := range t.Fields() {
		if tag := f.Tag.Get("avro"); f.Name == "_" && tag != "" {
			name = tag
		}
	}
	switch {
	case name == "":
		a.fault(path, "a declared struct type, whose name is the name of the record", "found an anonymous struct")
	case !isAvroName(name):
		a.fault(path, wantRecordName+", of ASCII letters, digits and underscores, not starting with a digit", "found record name %q", name)
		return ""
	case isAvroType(name):
		a.fault(path, wantRecordName, "found record name %q, which is an Avro type", name)
		return ""
	}
	return name
}

// fields analyses the fields of struct t, which is found at path.
func (a *analysis) fields(t reflect.Type, path string) []field {
	fields := a.flatten(t, path, field{})
	first := map[string]string{}
	for _, f := range fields {
		if other, taken := first[f.name]; taken {
			a.fault(joinPath(path, f.goPath), "another wire name", "found wire name %q, which %s has too", f.name, joinPath(path, other))
			continue
		}
		first[f.name] = f.goPath
	}
	return fields
}

// flatten returns the fields of t, those of embedded structs in their place.
// within is the embedded field that t belongs to.
func (a *analysis) flatten(t reflect.Type, path string, within field) []field {
	var fields []field
	for f := range t.Fields() {
		here := field{
			goPath: joinPath(within.goPath, f.Name),
			offset: within.offset + f.Offset,
			index:  append(within.index[:len(within.index):len(within.index)], f.Index...),
		}
		name, off := wireName(f)
		fieldPath := joinPath(path, here.goPath)
		switch {
		case f.Name == "_" || off:
		case f.Anonymous && name == "":
			fields = append(fields, a.embedded(f, path, here)...)
		case !f.IsExported():
			a.fault(fieldPath, "an exported field, or the tag `avro:\"-\"`", "found an unexported field")
		case name == "":
			a.fault(fieldPath, "an avro or json tag with one", "found a field without a wire name")
		case !isAvroName(name):
			a.fault(fieldPath, "ASCII letters, digits and underscores, not starting with a digit", "found wire name %q", name)
		default:
			here.name = name
			here.node = a.node(f.Type, fieldPath)
			fields = append(fields, here)
		}
	}
	return fields
}

// embedded returns the fields of the embedded field f, described by here.
func (a *analysis) embedded(f reflect.StructField, path string, here field) []field {
	fieldPath := joinPath(path, here.goPath)
	switch {
	case f.Type.Kind() == reflect.Pointer:
		a.fault(fieldPath, "an embedded struct, or a field with a name", "found an embedded pointer")
	case f.Type.Kind() != reflect.Struct, f.Type == reflect.TypeFor[time.Time](), hasText(f.Type):
		a.fault(fieldPath, "an avro or json tag with a wire name", "found an embedded %v, which has no fields on the wire", f.Type)
	default:
		return a.flatten(f.Type, path, here)
	}
	return nil
}

// wireName returns the wire name that the tags of f give, and whether they
// leave f off the wire.
func wireName(f reflect.StructField) (name string, off bool) {
	for _, key := range []string{"avro", "json"} {
		tag := f.Tag.Get(key)
		if name, _, _ = strings.Cut(tag, ","); name != "" {
			return name, tag == "-"
		}
	}
	return "", false
}

// isGeneric reports whether t is an instance of a generic type.
func isGeneric(t reflect.Type) bool { return strings.Contains(t.Name(), "[") }

// isAvroName reports whether name is a name by the Avro specification.
func isAvroName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// isAvroType reports whether name means a type in every Avro schema.
func isAvroType(name string) bool {
	switch name {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string",
		"record", "enum", "array", "map", "fixed", "union", "error":
		return true
	default:
		return false
	}
}

// isNullable reports whether t is a struct with a field Valid bool, as sql.Null and types like
// it are. Such a type with a text form has no text that means null.
func isNullable(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := t.FieldByName("Valid")
	return ok && f.Type.Kind() == reflect.Bool
}
