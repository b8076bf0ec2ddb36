package shape

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// topRecord is the name of the outermost record, whatever the Go type is called.
const topRecord = "CloudEvent"

// analyse turns t into a tree of nodes.
func analyse(t reflect.Type) (*node, error) {
	a := analysis{
		nodes:   map[reflect.Type]*node{},
		records: map[string]reflect.Type{topRecord: t},
	}
	root := &node{form: record, goType: t, name: topRecord}
	switch {
	case t.Kind() != reflect.Struct:
		a.fault("", "found %v; event data is a struct whose fields are the event's arguments", t)
	case t == reflect.TypeFor[time.Time](), textMethodsOf(t) != nil:
		a.fault("", "found %v, which is written as text; event data is a struct whose fields are the event's arguments", t)
	case isGeneric(t):
		a.fault("", "found a generic type; declare a type of its own for it")
	default:
		a.nodes[t] = nil
		root.fields = a.fields(t, "")
	}
	if len(a.faults) > 0 {
		return nil, &TypeError{Type: t, Faults: a.faults}
	}
	return root, nil
}

// analysis is the state of one walk over a type.
type analysis struct {
	nodes   map[reflect.Type]*node  // nil while the type is being analysed
	records map[string]reflect.Type // by record name
	faults  []Fault
}

func (a *analysis) fault(path, format string, args ...any) {
	a.faults = append(a.faults, Fault{Path: path, Problem: fmt.Sprintf(format, args...)})
}

// node analyses t, found at path. A faulty type gives a node nobody will use.
func (a *analysis) node(t reflect.Type, path string) *node {
	n, known := a.nodes[t]
	if known {
		if n == nil {
			a.fault(path, "%v contains itself; event data cannot be recursive", t)
			n = &node{}
		}
		return n
	}
	a.nodes[t] = nil
	n = a.analyse(t, path)
	n.goType = t
	a.nodes[t] = n
	return n
}

func (a *analysis) analyse(t reflect.Type, path string) *node {
	switch t {
	case reflect.TypeFor[time.Time]():
		return &node{form: timeForm}
	case reflect.TypeFor[time.Duration]():
		a.fault(path, "found time.Duration, whose unit would be lost; use an integer with the unit in its name")
		return &node{}
	}
	if text := textMethodsOf(t); text != nil {
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
			a.fault(path, "found %v; %s", t, instead(t.Kind()))
		}
		return &node{form: form, validate: receiverOf[validator](t)}
	}
}

// scalars returns the form of the types that Go itself has for one value.
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

// instead says what to use in place of a kind that has no wire form.
func instead(k reflect.Kind) string {
	switch k {
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return "its values may exceed the wire's 64-bit signed integer; use int64, uint32 or string"
	case reflect.Array:
		return "use a slice, or a type with MarshalText"
	case reflect.Interface:
		return "its schema is not known beforehand; use a concrete type, or string with JSON in it"
	case reflect.Complex64, reflect.Complex128:
		return "use a struct of two floats, or a type with MarshalText"
	default:
		return "it cannot be written to a wire; leave the field off with the tag `avro:\"-\"`"
	}
}

func (a *analysis) pointer(t reflect.Type, path string) *node {
	elem := t.Elem()
	if elem.Kind() == reflect.Pointer {
		a.fault(path, "found %v; a value can be null in one way only, use %v", t, elem)
		return &node{}
	}
	return &node{form: nullable, elem: a.node(elem, path)}
}

func (a *analysis) slice(t reflect.Type, path string) *node {
	elem := t.Elem()
	// A byte with methods is a scalar of its own, and a slice of them a list.
	if elem.Kind() == reflect.Uint8 && textMethodsOf(elem) == nil && receiverOf[validator](elem) == nil {
		return &node{form: bytesForm, validate: receiverOf[validator](t)}
	}
	return &node{form: list, elem: a.node(elem, path+"[]")}
}

func (a *analysis) mapping(t reflect.Type, path string) *node {
	key := t.Key()
	switch {
	case key.Kind() != reflect.String:
		a.fault(path, "found a map with keys of type %v; use a string or a named string", key)
	case textMethodsOf(key) != nil:
		a.fault(path, "found a map with keys of type %v, which has a text form of its own; use a plain string", key)
	}
	return &node{form: mapping, elem: a.node(t.Elem(), path+"[...]"), validate: receiverOf[validator](key)}
}

func (a *analysis) record(t reflect.Type, path string) *node {
	n := &node{form: record, name: a.recordName(t, path)}
	if first, taken := a.records[n.name]; taken && n.name != "" {
		a.fault(path, "record name %q of %v is taken by %v; give one of them another name with a field _ struct{} `avro:\"OtherName\"`",
			n.name, t, first)
	} else {
		a.records[n.name] = t
	}
	n.fields = a.fields(t, path)
	return n
}

// recordName returns the name of the record t, or "" after a fault.
func (a *analysis) recordName(t reflect.Type, path string) string {
	if isGeneric(t) {
		a.fault(path, "found the generic type %v, which cannot be a record; declare a type of its own for it", t)
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
		a.fault(path, "found a struct without a name; name its record with a field _ struct{} `avro:\"Name\"`")
	case !isAvroName(name):
		a.fault(path, "record name %q is not a letter or underscore, then letters, digits and underscores; give another with a field _ struct{} `avro:\"Name\"`", name)
		return ""
	case isAvroType(name):
		a.fault(path, "record name %q is the name of an Avro type; give another with a field _ struct{} `avro:\"Name\"`", name)
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
			a.fault(joinPath(path, f.goPath), "wire name %q is taken by %s", f.name, joinPath(path, other))
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
			a.fault(fieldPath, "found an unexported field; export it, or leave it off with the tag `avro:\"-\"`")
		case name == "":
			a.fault(fieldPath, "found a field without a wire name; give one with an avro or json tag")
		case !isAvroName(name):
			a.fault(fieldPath, "wire name %q is not a letter or underscore, then letters, digits and underscores", name)
		default:
			here.name = name
			here.node = a.node(f.Type, fieldPath)
			fields = append(fields, here)
		}
	}
	return fields
}

// embedded dissolves the embedded field f, described by here.
func (a *analysis) embedded(f reflect.StructField, path string, here field) []field {
	fieldPath := joinPath(path, here.goPath)
	switch {
	case f.Type.Kind() == reflect.Pointer:
		a.fault(fieldPath, "found an embedded pointer; embed the struct itself, or name the field")
	case f.Type.Kind() != reflect.Struct, f.Type == reflect.TypeFor[time.Time](), textMethodsOf(f.Type) != nil:
		a.fault(fieldPath, "found an embedded %v, which has no fields to take over; give it a wire name with an avro or json tag", f.Type)
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
