package shape

import "reflect"

// program writes values of one type. It runs over memory that starts at a base
// address; nested structs are dissolved into offsets from there.
type program struct {
	ops  []op
	tail string // JSON text after the last value: closing braces
}

// op writes one value that is not a record.
type op struct {
	form     form
	offset   uintptr
	validate *receiver[validator] // of a leaf
	text     *textMethods         // of a textForm
	elem     *elem                // of a nullable, list or map
	lead     string               // JSON text before the value: names and braces
	path     string               // wire path from the start of the program
}

// elem is what a nullable, list or map holds.
type elem struct {
	program     *program
	size        uintptr              // from one item of a list to the next
	mapType     reflect.Type         // of the map that holds it
	validateKey *receiver[validator] // of that map's keys
	strings     bool                 // the map is a map[string]string
}

// assemble makes the program for values of n.
func assemble(n *node) *program {
	a := assembler{programs: map[*node]*program{}}
	return a.program(n)
}

// assembler makes one program for each node, however often it is referred to.
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

// add appends to p what writes the value of n at offset. lead is the JSON text
// that goes before it; add returns the one that goes after it.
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
