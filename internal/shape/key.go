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

// Key reads the event key, one scalar, from event data. It is immutable and safe for concurrent
// use.
//
// The path of a key has no pointer, list or map, so that every event has a key at the same
// offset.
type Key struct {
	path    string
	name    string // the last segment of path
	program *program
	goType  reflect.Type
}

// wantKey is what Key accepts.
const wantKey = "a path to a string, integer, boolean, float, bytes or time that is never null"

// Key returns the key at path, a dotted path of wire names. The error is a [*KeyError].
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
	p.ops[0].validate = nil // the caller has encoded, and so validated, the event data
	return &Key{path: path, name: name, program: p, goType: n.goType}, nil
}

// Value returns a copy of the key of the event data r.
func (k *Key) Value(r Ref) any {
	return reflect.NewAt(k.goType, unsafe.Add(r.p, k.program.ops[0].offset)).Elem().Interface()
}

// keyFault returns the fault of segment, which names the field f of within, and what is allowed.
// It returns empty strings if f can be part of a key path. f is nil if the field is unknown.
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

// keyError returns the error for path. If key paths start with path, Nearest is the first of
// them. Otherwise, if key paths end with the last segment of path, it is the most similar of
// those. Otherwise it is the most similar key path.
func (t *Type) keyError(path, found, want string) *KeyError {
	paths := t.KeyPaths()
	near := nearest.Name(path, slices.Values(paths))
	end := path[strings.LastIndexByte(path, '.')+1:]
	sameEnd := slices.DeleteFunc(slices.Clone(paths), func(p string) bool { return !strings.HasSuffix(p, "."+end) })
	if len(sameEnd) > 0 {
		near = cmp.Or(nearest.Name(path, slices.Values(sameEnd)), sameEnd[0])
	}
	inside := func(p string) bool { return strings.HasPrefix(p, path+".") }
	if i := slices.IndexFunc(paths, inside); i >= 0 {
		near = paths[i]
	}
	return &KeyError{Path: path, Found: found, Want: want, Nearest: near}
}

// KeyPaths returns every path that [Type.Key] accepts, in the order of the fields.
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

// Path returns the path passed to [Type.Key].
func (k *Key) Path() string { return k.path }

// AvroType returns the Avro type of the key: "string", "long", "boolean",
// "double" or "bytes".
func (k *Key) AvroType() string { return k.program.ops[0].form.avro() }

// Schema returns the text of the Avro schema of the key. The event bus writes the field of the
// record as the schema: {"name": "course_key", "type": "string"}.
func (k *Key) Schema() string {
	return `{"name": "` + k.name + `", "type": "` + k.AvroType() + `"}`
}

// AppendAvro appends the Avro encoding of the key of the event data r to dst and returns the
// extended slice. It does not call Validate: the caller must have encoded r before. The error is
// a [*FieldError]; AppendAvro then returns dst unchanged.
func (k *Key) AppendAvro(dst []byte, r Ref) ([]byte, error) {
	out, fault := appendAvro(dst, k.program.ops, r.p)
	if fault != nil {
		return dst, fault
	}
	return out, nil
}

// AppendText appends the key of the event data r to dst as plain text and returns the extended
// slice: strings, times, text forms and bytes without quotes or escapes, numbers and booleans as
// in JSON. Like AppendAvro, it does not call Validate and returns dst unchanged with an error.
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
