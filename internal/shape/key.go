package shape

import (
	"cmp"
	"fmt"
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
	op      int // its place in the program of the event data
}

// wantKey says what a key path may end in.
const wantKey = "a key path ends in a string, integer, boolean, float, bytes or time that cannot be null"

// Key compiles the dotted path of wire names. The error is a [*KeyError].
func (t *Type) Key(path string) (*Key, error) {
	if path == "" {
		return nil, &KeyError{Problem: "found an empty path; " + wantKey}
	}
	n := t.root
	offset := uintptr(0)
	name := ""
	for segment := range strings.SplitSeq(path, ".") {
		name = segment
		f := n.field(segment)
		if problem := keyFault(n, f, segment); problem != "" {
			return nil, t.keyError(path, problem)
		}
		offset += f.offset
		n = f.node
	}
	if n.form == record {
		return nil, t.keyError(path, fmt.Sprintf("%q is a record; %s", name, wantKey))
	}
	p := &program{}
	(&assembler{}).add(p, n, offset, path, "")
	return &Key{
		path: path, name: name, program: p,
		op: slices.IndexFunc(t.program.ops, func(o op) bool { return o.path == path }),
	}, nil
}

// Compare orders keys of one type as their fields are written.
func (k *Key) Compare(other *Key) int { return cmp.Compare(k.op, other.op) }

// keyFault says why the field f, which segment should name, is not on the way
// to a key.
func keyFault(within *node, f *field, segment string) string {
	switch {
	case within.form != record:
		return fmt.Sprintf("%q comes after a value that is no record; %s", segment, wantKey)
	case segment == "":
		return "found an empty segment; the segments are wire names, separated by single dots"
	case f == nil:
		return fmt.Sprintf("there is no field %q; the fields there are %s", segment, strings.Join(within.names(), ", "))
	}
	switch f.node.form {
	case nullable:
		return fmt.Sprintf("%q is nullable; %s", segment, wantKey)
	case list:
		return fmt.Sprintf("%q is a list; %s", segment, wantKey)
	case mapping:
		return fmt.Sprintf("%q is a map; %s", segment, wantKey)
	default:
		return ""
	}
}

// keyError returns the error for path. A path that ends too early is nearest to
// the first one that it is the beginning of, one that ends in a known name to
// those that end in it too.
func (t *Type) keyError(path, problem string) *KeyError {
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
	return &KeyError{Path: path, Problem: problem, Nearest: near}
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

// AppendAvro appends the Avro encoding of the key of the event data r, the
// whole of it, to dst. The error is a [*ValueError]; dst is then returned as it
// was.
func (k *Key) AppendAvro(dst []byte, r Ref) ([]byte, error) {
	out, fault := appendAvro(dst, k.program.ops, r.p)
	if fault != nil {
		return dst, fault
	}
	return out, nil
}

// AppendText appends the key of the event data r, the whole of it, to dst as
// plain text: a string, time or text as it is, bytes as they are, a number or
// boolean as in JSON. The error is a [*ValueError]; dst is then returned as it
// was.
func (k *Key) AppendText(dst []byte, r Ref) ([]byte, error) {
	o := &k.program.ops[0]
	at := unsafe.Add(r.p, o.offset)
	out, fault := dst, o.check(at)
	if fault == nil {
		switch o.form {
		case bytesForm:
			out = append(out, *(*[]byte)(at)...)
		case stringForm, timeForm, textForm:
			out, fault = o.appendText(out, at)
		default:
			out, fault = o.appendJSON(out, at)
		}
	}
	if fault != nil {
		return dst, fault
	}
	return out, nil
}
