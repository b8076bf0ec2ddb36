// Package shape compiles a Go type into everything that puts its values on the
// wire: the text of its Avro schema, its Avro and JSON bytes, its decoding from
// JSON, and the accessors of its event keys.
//
// [Compile] walks the type once, by reflection, into a tree of nodes and the
// tree into a flat program: nested structs are dissolved into absolute offsets,
// so that encoding is one loop over instructions that read memory directly.
// This is the one package of the module that uses unsafe.
//
// # What a type may be
//
// Event data is a struct. A field's wire name is its avro tag, else its json
// tag, up to a comma; a field with neither is a fault, and so is an unexported
// one. The tag "-" leaves a field off the wire. What follows the comma has no
// effect: every field is always on the wire. Embedded structs without a tag
// dissolve into the struct around them.
//
//	Go                                        Avro
//	bool                                      boolean
//	int, int8 … int64, uint8, uint16, uint32  long
//	float32, float64                          double
//	string and named strings                  string
//	time.Time                                 string, as Python's isoformat writes it
//	a type with a text form of its own        string
//	[]byte                                    bytes
//	other slices                              array; nil is empty
//	maps with string keys                     map, in bytewise order of keys; nil is empty
//	structs                                   record, named after the type
//	a pointer to any of these                 null or it, with null as the default
//
// A type has a text form of its own if it, or a pointer to it, declares
// MarshalText or AppendText itself; one that it has from an embedded field does
// not count. A field such as
//
//	_ struct{} `avro:"LtiProviderLaunchData"`
//
// names the record where the Go name differs. The Validate() error method of a
// type that becomes a scalar is called whenever one of its values is encoded.
package shape

import (
	"reflect"
	"unsafe"
)

// Type is a compiled type of event data. It is immutable and safe for
// concurrent use.
type Type struct {
	root    *node
	program *program
}

// Compile compiles the event data type t. The error is a [*TypeError] with
// every fault of t, in the order of its fields.
func Compile(t reflect.Type) (*Type, error) {
	root, err := analyse(t)
	if err != nil {
		return nil, err
	}
	return &Type{root: root, program: assemble(root)}, nil
}

// Ref refers to the value to encode.
type Ref struct{ p unsafe.Pointer }

// RefOf refers to *p.
func RefOf[T any](p *T) Ref { return Ref{unsafe.Pointer(p)} }

// RefOfValue refers to v, which must be addressable. It is for data whose type
// is known at run time only.
func RefOfValue(v reflect.Value) Ref {
	return Ref{v.Addr().UnsafePointer()}
}

// Value returns a copy of the value that r refers to, which is of type t.
func (r Ref) Value(t reflect.Type) any {
	return reflect.NewAt(t, r.p).Elem().Interface()
}
