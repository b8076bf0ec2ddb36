package shape

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/signalcast/signalcast/internal/nearest"
)

// Key reads one scalar out of event data, to be the event's key. It is
// immutable and safe for concurrent use.
//
// No pointer, list or map lies on the way to a key, so that every event has
// one: it is a value at a fixed place in the event data.
type Key struct {
	path    string
	name    string // its last segment
	program *program
	goType  reflect.Type
}

// wantKey says what a key path ends in.
const wantKey = "a path to a string, integer, boolean, float, bytes or time that is never null"

// Key compiles the dotted path of wire names. The error is a [*KeyError].
func (t *Type) Key(path string) (*Key, error) {
	if path == "" {
		return nil, &KeyError{Found: "found an empty path", Want: wantKey}
	}
	n := t.root
	offset := uintptr(0)
	name := ""
	for segment := range strings.SplitSeq(path, ".") {
		name = segment
		f := n.field(segment)
		if found, want := keyFault(n, f, segment); found != "" {
			return nil, t.keyError(path, found, want)
		}
		offset += f.offset
		n = f.node
	}
	if n.form == record {
		return nil, t.keyError(path, fmt.Sprintf("%q is a record", name), wantKey)
	}
	p := &program{}
	(&assembler{}).add(p, n, offset, path, "")
	p.ops[0].validate = nil // the event data was validated when it was encoded
	return &Key{path: path, name: name, program: p, goType: n.goType}, nil
}

// Value returns a copy of the key of the event data r.
func (k *Key) Value(r Ref) any {
	return reflect.NewAt(k.goType, unsafe.Add(r.p, k.program.ops[0].offset)).Elem().Interface()
}

// keyFault returns why the field f, which segment names, cannot be part of a key path,
// and what is wanted. It returns nothing if the field can.
func keyFault(within *node, f *field, segment string) (found, want string) {
	switch {
	case within.form != record:
		return fmt.Sprintf("%q follows a value that is not a record", segment), wantKey
	case segment == "":
		return "found an empty segment", "wire names separated by single dots"
	case f == nil:
		return fmt.Sprintf("unknown field %q", segment), strings.Join(within.names(), ", ")
	}
	switch f.node.form {
	case nullable:
		return fmt.Sprintf("%q is nullable", segment), wantKey
	case list:
		return fmt.Sprintf("%q is a list", segment), wantKey
	case mapping:
		return fmt.Sprintf("%q is a map", segment), wantKey
	default:
		return "", ""
	}
}

// keyError returns the error for path. A path that ends too early is nearest to
// the first one that it is the beginning of, one that ends in a known name to
// those that end in it too.
func (t *Type) keyError(path, found, want string) *KeyError {
	paths := t.KeyPaths()
	near := nearest.Name(path, slices.Values(paths))
	end := path[strings.LastIndexByte(path, '.')+1:]
	alike := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !strings.HasSuffix(p, "."+end) })
	if len(alike) > 0 {
		near = cmp.Or(nearest.Name(path, slices.Values(alike)), alike[0])
	}
	inside := func(p string) bool { return strings.HasPrefix(p, path+".") }
	if i := slices.IndexFunc(paths, inside); i >= 0 {
		near = paths[i]
	}
	return &KeyError{Path: path, Found: found, Want: want, Nearest: near}
}

// KeyPaths returns every path that [Type.Key] accepts, in wire order.
func (t *Type) KeyPaths() []string { return keyPaths(nil, t.root, "") }

func keyPaths(paths []string, n *node, path string) []string {
	if n.form.isLeaf() {
		return append(paths, path)
	}
	if n.form == record {
		for _, f := range n.fields {
			paths = keyPaths(paths, f.node, joinPath(path, f.name))
		}
	}
	return paths
}

// Path returns the path as it was given to [Type.Key].
func (k *Key) Path() string { return k.path }

// AvroType returns the Avro type of the key: "string", "long", "boolean",
// "double" or "bytes".
func (k *Key) AvroType() string { return k.program.ops[0].form.avro() }

// Schema returns the text of the key's Avro schema, which the event bus takes
// from the field: {"name": "course_key", "type": "string"}.
func (k *Key) Schema() string {
	return `{"name": "` + k.name + `", "type": "` + k.AvroType() + `"}`
}

// AppendAvro appends the Avro encoding of the key of the event data r to dst. r must
// have been encoded, and so validated, before. The error is a [*FieldError]; AppendAvro
// then returns dst unchanged.
func (k *Key) AppendAvro(dst []byte, r Ref) ([]byte, error) {
	out, fault := appendAvro(dst, k.program.ops, r.p)
	if fault != nil {
		return dst, fault
	}
	return out, nil
}

// AppendText appends the key of the event data r to dst as plain text: strings, times,
// text forms and bytes as they are, numbers and booleans as in JSON. The other
// rules are those of AppendAvro.
func (k *Key) AppendText(dst []byte, r Ref) ([]byte, error) {
	o := &k.program.ops[0]
	at := unsafe.Add(r.p, o.offset)
	var fault *FieldError
	out := dst
	switch o.form {
	case bytesForm:
		out = append(out, *(*[]byte)(at)...)
	case stringForm, timeForm, textForm:
		out, fault = o.appendText(out, at)
	default:
		out, fault = o.appendJSON(out, at)
	}
	if fault != nil {
		return dst, fault
	}
	return out, nil
}
