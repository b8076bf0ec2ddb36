package shape

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// topRecord is the name of the outermost record. It does not depend on the Go type.
const topRecord = "CloudEvent"

// wantStruct is what Compile accepts as event data.
const wantStruct = "a struct whose fields are the arguments of the event"

// analyse returns the tree of nodes for t. The error is a *TypeError.
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
		a.fault("", "a declared type without type parameters", "found the generic type %v", t)
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
	nodes   map[reflect.Type]*node  // a nil node marks a type whose analysis is in progress
	records map[string]reflect.Type // by the name of the record
	faults  []FieldError
}

func (a *analysis) fault(path, want, format string, args ...any) {
	if len(a.faults) < maxFaults {
		a.faults = append(a.faults, FieldError{Path: path, Found: fmt.Sprintf(format, args...), Want: want})
	}
}

// node returns the node for t, the type of the value at path. It analyses a type with faults
// again wherever the type appears, so that every field at fault is reported.
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
	n = a.newNode(t, path)
	n.goType = t
	if len(a.faults) == before || before == maxFaults {
		a.nodes[t] = n
	} else {
		delete(a.nodes, t)
	}
	return n
}

// newNode analyses t, the type of the value at path. It does not set goType.
func (a *analysis) newNode(t reflect.Type, path string) *node {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &node{form: timeForm}
	case reflect.TypeFor[time.Duration]():
		a.fault(path, "an integer with the unit in its name", "found time.Duration, which has no unit on the wire")
		return &node{}
	}
	text, embedded := textMethodsOf(t)
	if isNull(t) && (text != nil || !hasWireNames(t)) {
		a.fault(path, "a pointer to the type that it wraps", "found %v, which would not be null on the wire", t)
		return &node{}
	}
	if text != nil {
		if embedded != nil {
			a.embeddedText(t, embedded, path)
		}
		return &node{form: textForm, text: text, validate: methodOf[validator](t)}
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
		form, ok := scalarForm(t)
		if !ok {
			a.fault(path, alternative(t.Kind()), "found %v", t)
		}
		return &node{form: form, validate: methodOf[validator](t)}
	}
}

// embeddedText reports a struct t that embeds a type with a text form.
func (a *analysis) embeddedText(t, embedded reflect.Type, path string) {
	a.fault(path, "a named field instead of the embedded one", "found %v, which embeds %v, a type with a text form", t, embedded)
}

// scalarForm returns the form of a type whose kind is scalar. ok is false for other kinds.
func scalarForm(t reflect.Type) (f form, ok bool) {
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

// alternative returns what to use instead of a type of kind k, which has no form.
func alternative(k reflect.Kind) string {
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
		return "a supported type, or the tag `avro:\"-\"`"
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
	// A slice of a byte type with a text form or Validate is a list of scalars.
	if elem.Kind() == reflect.Uint8 && !hasTextForm(elem) && methodOf[validator](elem) == nil {
		return &node{form: bytesForm, validate: methodOf[validator](t)}
	}
	return &node{form: list, elem: a.node(elem, path+"[]")}
}

func (a *analysis) mapping(t reflect.Type, path string) *node {
	key := t.Key()
	switch {
	case key.Kind() != reflect.String:
		a.fault(path, "keys of a string type", "found a map with keys of type %v", key)
	case hasTextForm(key):
		a.fault(path, "keys of a string type without a text form", "found a map with keys of type %v, which has a text form", key)
	}
	return &node{form: mapping, elem: a.node(t.Elem(), path+"[...]"), validate: methodOf[validator](key)}
}

func (a *analysis) record(t reflect.Type, path string) *node {
	n := &node{form: record, name: a.recordName(t, path)}
	if first, taken := a.records[n.name]; taken && first != t && n.name != "" {
		a.fault(path, wantRecordName, "found record name %q of %v, also the name of %v", n.name, t, first)
	} else {
		a.records[n.name] = t
	}
	n.fields = a.fields(t, path)
	return n
}

// wantRecordName is how to set the name of a record.
const wantRecordName = "another name, set by a field _ struct{} `avro:\"OtherName\"`"

// recordName returns the name of the record t. It reports a fault and returns "" if t has no
// valid name.
func (a *analysis) recordName(t reflect.Type, path string) string {
	if isGeneric(t) {
		a.fault(path, "a declared type without type parameters", "found the generic type %v", t)
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

// fields returns the fields of the struct t, the type of the value at path.
func (a *analysis) fields(t reflect.Type, path string) []field {
	fields := a.flatten(t, path, field{})
	first := map[string]string{}
	for _, f := range fields {
		if other, taken := first[f.name]; taken {
			a.fault(joinPath(path, f.goPath), "another wire name", "found wire name %q, also that of %s", f.name, joinPath(path, other))
			continue
		}
		first[f.name] = f.goPath
	}
	return fields
}

// flatten returns the fields of t, with the fields of an embedded struct in its place. If t is
// embedded, within is the field that holds it.
func (a *analysis) flatten(t reflect.Type, path string, within field) []field {
	var fields []field
	for f := range t.Fields() {
		here := field{
			goPath: joinPath(within.goPath, f.Name),
			offset: within.offset + f.Offset,
			index:  append(within.index[:len(within.index):len(within.index)], f.Index...),
		}
		name, omitted := wireName(f)
		fieldPath := joinPath(path, here.goPath)
		switch {
		case f.Name == "_" || omitted:
		case f.Anonymous && name == "":
			fields = append(fields, a.embedded(f, path, here)...)
		case !f.IsExported():
			a.fault(fieldPath, "an exported field, or the tag `avro:\"-\"`", "found an unexported field")
		case name == "":
			a.fault(fieldPath, "a wire name in an avro or json tag", "found a field without a wire name")
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

// embedded returns the fields of the embedded field f. here has its place in the outer struct.
func (a *analysis) embedded(f reflect.StructField, path string, here field) []field {
	fieldPath := joinPath(path, here.goPath)
	switch {
	case f.Type.Kind() == reflect.Pointer:
		a.fault(fieldPath, "an embedded struct, or a named field", "found an embedded pointer")
	case f.Type.Kind() != reflect.Struct, f.Type == reflect.TypeFor[time.Time](), hasTextForm(f.Type):
		a.fault(fieldPath, "a wire name in an avro or json tag", "found an embedded %v, which has no fields on the wire", f.Type)
	default:
		return a.flatten(f.Type, path, here)
	}
	return nil
}

// wireName returns the wire name in the tags of f, and whether they omit f.
func wireName(f reflect.StructField) (name string, omitted bool) {
	for _, key := range []string{"avro", "json"} {
		tag := f.Tag.Get(key)
		if name, _, _ = strings.Cut(tag, ","); name != "" {
			return name, tag == "-"
		}
	}
	return "", false
}

// isGeneric reports whether t is an instantiated generic type.
func isGeneric(t reflect.Type) bool { return strings.Contains(t.Name(), "[") }

// isAvroName reports whether name is valid under the Avro specification.
func isAvroName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// isAvroType reports whether name is the name of a built-in Avro type.
func isAvroType(name string) bool {
	switch name {
	case "null", "boolean", "int", "long", "float", "double", "bytes", "string",
		"record", "enum", "array", "map", "fixed", "union", "error":
		return true
	default:
		return false
	}
}

// isNull reports whether t is a struct with a field Valid bool, as sql.NullString and
// uuid.NullUUID have.
func isNull(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	f, ok := t.FieldByName("Valid")
	return ok && f.Type.Kind() == reflect.Bool
}

// hasWireNames reports whether a field of the struct t has a tag with a wire name.
func hasWireNames(t reflect.Type) bool {
	for f := range t.Fields() {
		if name, _ := wireName(f); name != "" {
			return true
		}
	}
	return false
}
