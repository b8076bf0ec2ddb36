package shape

import "reflect"

// form is how values of a type are kept in memory and written. Programs have one instruction
// for each form except record.
type form uint8

const (
	boolean form = iota
	int64Form
	int32Form
	int16Form
	int8Form
	uint32Form
	uint16Form
	uint8Form
	float64Form
	float32Form
	stringForm
	bytesForm
	timeForm
	textForm
	nullable
	list
	mapping
	record
)

// avro returns the name of the Avro type of a leaf, and "" for other forms.
func (f form) avro() string {
	switch f {
	case boolean:
		return "boolean"
	case int64Form, int32Form, int16Form, int8Form, uint32Form, uint16Form, uint8Form:
		return "long"
	case float64Form, float32Form:
		return "double"
	case stringForm, timeForm, textForm:
		return "string"
	case bytesForm:
		return "bytes"
	case nullable, list, mapping, record:
	}
	return ""
}

// isLeaf reports whether the form is a scalar: not a nullable, list, map or record.
func (f form) isLeaf() bool { return f < nullable }

// node describes one Go type. A tree has one node for each type.
type node struct {
	form   form
	goType reflect.Type
	elem   *node   // of the values in a nullable, list or map
	fields []field // of a record, in wire order
	name   string  // of a record

	validate *method      // of a leaf, or of the keys of a map; nil without Validate
	text     *textMethods // of a textForm
}

// field is one field of a record. The fields of an embedded struct are fields of the record.
type field struct {
	name   string // on the wire
	goPath string // as in "UserData.ID"
	offset uintptr
	index  []int
	node   *node
}

// field returns the field with the given wire name, or nil.
func (n *node) field(name string) *field {
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}

// names returns the wire names of the fields of a record.
func (n *node) names() []string {
	names := make([]string, len(n.fields))
	for i, f := range n.fields {
		names[i] = f.name
	}
	return names
}

// joinPath appends step to a dotted path. A step is a name, an index or empty.
func joinPath(path, step string) string {
	if path == "" || step == "" || step[0] == '[' {
		return path + step
	}
	return path + "." + step
}
