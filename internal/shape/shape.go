// Package shape compiles the Go type of event data. A compiled type has an Avro schema,
// encodes values as Avro and JSON, decodes them from both, and reads their event keys.
//
// [Compile] builds a tree of nodes from the type by reflection, and from the tree a flat
// program with one instruction for each value that is not a record. Each instruction holds the
// offset of its value, so that encoding is one loop that reads memory directly. No other package
// of the module uses unsafe.
//
// # Types
//
// Event data is a struct. The wire name of a field is the part before the comma of its avro
// tag, or of its json tag if it has no avro tag. Compile reports a field without a wire name
// and an unexported field as faults. The tag "-" omits a field. Options after the comma are
// ignored: a field without the tag "-" is always written. The fields of an embedded struct
// without a tag become fields of the outer struct.
//
//	Go                                        Avro
//	bool                                      boolean
//	int, int8 … int64, uint8, uint16, uint32  long
//	float32, float64                          double
//	string and named strings                  string
//	time.Time                                 string, in the form of Python's isoformat
//	a type with a text form                   string
//	[]byte                                    bytes
//	other slices                              array; nil is empty
//	maps with string keys                     map, sorted by the bytes of the keys; nil is empty
//	structs                                   record, named after the type
//	a pointer to any of these                 union of null and the type, with default null
//
// A type has a text form if it, or a pointer to it, has the method MarshalText or AppendText.
// A struct with a text form must not embed a type with a text form: reflection cannot tell
// whose method it is. Types such as sql.NullString and uuid.NullUUID, with a field Valid bool, are
// faults: their values would never be null on the wire. Use a pointer instead.
//
// The field
//
//	_ struct{} `avro:"LtiProviderLaunchData"`
//
// sets the name of a record to one other than the Go name.
//
// # Values
//
// Encoding calls the method Validate() error of every scalar whose type has one, and of the keys
// of maps. The zero [time.Time] is an error, since it almost always means that a field was not
// set; an optional time is a *time.Time. The same instant in a location other than UTC, such as
// [Naive], is valid.
package shape

import (
	"reflect"
	"unsafe"
)

// Type is a compiled type of event data. It is immutable and safe for concurrent use.
type Type struct {
	root    *node
	program *program
}

// Compile compiles t, a type of event data. The error is a [*TypeError] with the faults of t in
// the order of its fields.
func Compile(t reflect.Type) (*Type, error) {
	root, err := analyse(t)
	if err != nil {
		return nil, err
	}
	return &Type{root: root, program: assemble(root)}, nil
}

// Ref is a reference to the value to encode.
type Ref struct{ p unsafe.Pointer }

// RefOf returns a reference to *p.
func RefOf[T any](p *T) Ref { return Ref{unsafe.Pointer(p)} }

// RefOfValue returns a reference to v, which must be addressable. Use it if the type of the data
// is known only at run time.
func RefOfValue(v reflect.Value) Ref {
	return Ref{v.Addr().UnsafePointer()}
}

// Value returns a copy of the value that r refers to, which is of type t.
func (r Ref) Value(t reflect.Type) any {
	return reflect.NewAt(t, r.p).Elem().Interface()
}
