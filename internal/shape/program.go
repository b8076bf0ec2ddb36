package shape

import "reflect"

// program encodes the values of one type. Its offsets are relative to the address of the value,
// also those of values in nested structs.
type program struct {
	ops  []op
	tail string // the closing braces of the JSON text
}

// op encodes one value that is not a record.
type op struct {
	form     form
	offset   uintptr
	validate *method      // of a leaf
	text     *textMethods // of a textForm
	elem     *elem        // of a nullable, list or map
	lead     string       // JSON text before the value: braces, commas and names
	path     string       // of wire names, from the value of the program
}

// elem describes the values in a nullable, list or map.
type elem struct {
	program     *program
	size        uintptr      // of one value
	mapType     reflect.Type // of the map, for a map
	validateKey *method      // of the keys of the map
	strings     bool         // whether mapType is map[string]string
}

// assemble returns the program for values of n.
func assemble(n *node) *program {
	a := assembler{programs: map[*node]*program{}}
	return a.program(n)
}

// assembler builds one program for each node.
type assembler struct{ programs map[*node]*program }

func (a *assembler) program(n *node) *program {
	p, known := a.programs[n]
	if !known {
		p = &program{}
		p.tail = a.add(p, n, 0, "", "")
		a.programs[n] = p
	}
	return p
}

// add appends to p the instructions for the value of n at offset. lead is the JSON text before
// the value. add returns the JSON text between the value and the next one.
func (a *assembler) add(p *program, n *node, offset uintptr, path, lead string) string {
	if n.form == record {
		separator := "{"
		for _, f := range n.fields {
			lead += separator + `"` + f.name + `":`
			lead = a.add(p, f.node, offset+f.offset, joinPath(path, f.name), lead)
			separator = ","
		}
		if len(n.fields) == 0 {
			lead += "{"
		}
		return lead + "}"
	}
	o := op{form: n.form, offset: offset, text: n.text, lead: lead, path: path}
	if n.form.isLeaf() {
		o.validate = n.validate
	} else {
		o.elem = a.elem(n)
	}
	p.ops = append(p.ops, o)
	return ""
}

func (a *assembler) elem(n *node) *elem {
	e := elem{program: a.program(n.elem), size: n.elem.goType.Size()}
	if n.form == mapping {
		e.mapType = n.goType
		e.validateKey = n.validate
		e.strings = n.goType == reflect.TypeFor[map[string]string]()
	}
	return &e
}
