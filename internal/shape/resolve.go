package shape

import (
	"fmt"
	"reflect"
	"time"
)

// AvroReader decodes the values of one writer's schema into one type. It is immutable and safe for
// concurrent use.
type AvroReader struct {
	steps         []step
	optionalTimes int // how many to allocate together
}

// maxOptionalTimes bounds the memory that one optional time keeps.
const maxOptionalTimes = 4

// action is what a step does.
type action uint8

const (
	readBoolean action = iota
	readLong
	readInteger // of fewer than 64 bits
	readDouble
	readFloat  // into a float64 or float32
	readNarrow // a double into a float32
	readString
	readBytes
	readTime
	readText
	readUnion
	readPresent // a value that the writer never leaves out, into a nullable
	readList
	readMap
	skip
)

// step reads one value of a writer that is not a record, or skips it. A program has its steps in the
// order of the writer's fields.
type step struct {
	action  action
	form    form
	offset  uintptr
	path    string // of wire names, from the value of the program
	node    *node
	elem    *readElem   // of a list or map
	choices []branch    // of a union; one for readPresent
	name    string      // of a field that is skipped
	skipped *writerType // type of a field that is skipped
}

// branch is one branch of a union. value is nil for null, and for a branch that does not fit the Go
// type.
type branch struct {
	kind  writerKind
	value *readElem
}

// readElem reads the values in a nullable, list or map.
type readElem struct {
	steps    []step
	goType   reflect.Type
	isTime   bool    // whether goType is time.Time
	size     uintptr // of one value in memory
	minBytes int64   // size of the smallest value on the wire
}

// maxSteps bounds the programs of one schema. Records in records can multiply the fields that are
// skipped.
const maxSteps = 10_000

// AvroReader returns the reader of values of schema, which must be a record of the given full name.
// The error is a [*FieldError] with the first value of t that the values of schema cannot have.
//
// Fields may be in any order. Fields that t does not have are skipped. A nullable, a list or a map may
// be missing; it is then nil. The Avro types int and float are read as long and double. A union is
// read if one of its branches can be. Names of inner records are ignored.
func (t *Type) AvroReader(schema *WriterSchema, name string) (*AvroReader, error) {
	root := schema.root
	if root.kind != recordKind || root.name != name {
		found := "found " + root.kind.String()
		if root.name != "" {
			found += " " + shown(root.name)
		}
		return nil, &FieldError{Found: found, Want: fmt.Sprintf("record %q", name)}
	}
	r := resolver{values: map[writerAndNode]resolved{}}
	var steps []step
	if err := r.record(&steps, root, t.root, 0, ""); err != nil {
		return nil, err
	}
	return &AvroReader{steps, min(r.optionalTimes, maxOptionalTimes)}, nil
}

type writerAndNode struct {
	writer *writerType
	node   *node
}

type resolved struct {
	elem *readElem
	err  *FieldError
}

// resolver builds one program for each pair of types in a nullable, list or map.
type resolver struct {
	values map[writerAndNode]resolved
	count  int // of steps

	optionalTimes int // steps that read one
}

// step appends s to steps.
func (r *resolver) step(steps *[]step, s step) *FieldError {
	if r.count++; r.count > maxSteps {
		return &FieldError{Found: "found a schema with too many fields, counted in each place of their record", Want: fmt.Sprintf("at most %d", maxSteps)}
	}
	*steps = append(*steps, s)
	return nil
}

// add appends to steps those that read a value of w into n at offset.
func (r *resolver) add(steps *[]step, w *writerType, n *node, offset uintptr, path string) *FieldError {
	if w.kind == unionKind || n.form == nullable {
		return r.union(steps, w, n, offset, path)
	}
	if w.kind == recordKind && n.form == record {
		return r.record(steps, w, n, offset, path)
	}
	s := step{action: actionFor(w.kind, n.form), form: n.form, offset: offset, path: path, node: n}
	var err *FieldError
	switch {
	case s.action == skip:
		err = &FieldError{Found: "found " + w.kind.String(), Want: wanted(n)}
	case s.action == readText && !n.text.decodes:
		err = &FieldError{Found: "found " + n.goType.String() + ", which does not declare UnmarshalText", Want: "a type that declares UnmarshalText"}
	case s.action == readList:
		s.elem, err = r.value(w.elem, n.elem)
		err = err.within("[]")
	case s.action == readMap:
		s.elem, err = r.value(w.elem, n.elem)
		err = err.within("[...]")
	}
	if err != nil {
		return err.within(path)
	}
	return r.step(steps, s)
}

// actionFor returns how values of an Avro type are read into a form, or skip if the form cannot have
// them.
func actionFor(kind writerKind, f form) action {
	long := kind == longKind || kind == intKind
	switch {
	case kind == booleanKind && f == boolean:
		return readBoolean
	case long && f == int64Form:
		return readLong
	case long && f.avro() == "long":
		return readInteger
	case kind == doubleKind && f == float64Form:
		return readDouble
	case kind == doubleKind && f == float32Form:
		return readNarrow
	case kind == floatKind && f.avro() == "double":
		return readFloat
	case kind == stringKind && f == stringForm:
		return readString
	case kind == stringKind && f == timeForm:
		return readTime
	case kind == stringKind && f == textForm:
		return readText
	case kind == bytesKind && f == bytesForm:
		return readBytes
	case kind == arrayKind && f == list:
		return readList
	case kind == mapKind && f == mapping:
		return readMap
	default:
		return skip
	}
}

// wanted returns the Avro type of n for messages.
func wanted(n *node) string {
	switch n.form {
	case nullable:
		return "null or " + wanted(n.elem)
	case list:
		return "array"
	case mapping:
		return "map"
	case record:
		return "record"
	default:
		return n.form.avro()
	}
}

func (r *resolver) record(steps *[]step, w *writerType, n *node, offset uintptr, path string) *FieldError {
	written := make(map[string]bool, len(w.fields))
	for _, wf := range w.fields {
		written[wf.name] = true
		var err *FieldError
		if f := n.field(wf.name); f != nil {
			err = r.add(steps, wf.dataType, f.node, offset+f.offset, joinPath(path, f.name))
		} else if wf.dataType.minBytes > 0 {
			err = r.step(steps, step{action: skip, path: path, name: wf.name, skipped: wf.dataType})
		}
		if err != nil {
			return err
		}
	}
	for _, f := range n.fields {
		if written[f.name] {
			continue
		}
		switch f.node.form {
		case nullable, list, mapping:
		default:
			return &FieldError{Path: joinPath(path, f.name), Found: "missing", Want: wanted(f.node)}
		}
	}
	return nil
}

// union appends the step for a union of the writer, for a nullable, or for both.
func (r *resolver) union(steps *[]step, w *writerType, n *node, offset uintptr, path string) *FieldError {
	s := step{action: readUnion, form: n.form, offset: offset, path: path, node: n}
	written, value := w.branches, n
	if w.kind != unionKind {
		s.action, written = readPresent, []*writerType{w}
	}
	if n.form == nullable {
		value = n.elem
		if value.goType == reflect.TypeFor[time.Time]() {
			r.optionalTimes++
		}
	}
	var fault *FieldError
	fits := false
	for _, b := range written {
		if b.kind == nullKind && n.form == nullable {
			s.choices = append(s.choices, branch{kind: nullKind})
			continue
		}
		elem, err := r.value(b, value)
		if err != nil && fault == nil {
			fault = err
		}
		fits = fits || err == nil
		s.choices = append(s.choices, branch{b.kind, elem})
	}
	switch {
	case w.kind == nullKind && n.form == nullable: // takes no bytes
		return nil
	case !fits && fault != nil:
		return fault.within(path)
	default:
		return r.step(steps, s)
	}
}

// value returns the program for values of w in a nullable, list or map of n.
func (r *resolver) value(w *writerType, n *node) (*readElem, *FieldError) {
	key := writerAndNode{w, n}
	v, known := r.values[key]
	if !known {
		v.elem = &readElem{goType: n.goType, isTime: n.goType == reflect.TypeFor[time.Time](), size: n.goType.Size(), minBytes: w.minBytes}
		if v.err = r.add(&v.elem.steps, w, n, 0, ""); v.err != nil {
			v.elem = nil
		}
		r.values[key] = v
	}
	return v.elem, v.err
}
