//go:build integration

package compat_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// node is a type of a generated schema. A record may occur at several places.
type node struct {
	kind     string
	nullable bool
	elem     *node
	record   *recordNode
}

type recordNode struct {
	name   string
	fields []*member
}

type member struct {
	name       string
	hasDefault bool
	dataType   *node
}

type generator struct {
	*rand.Rand
	records []*recordNode // each after the records within it; the outermost one is the last
	members []*member     // of all records
}

// generatePair returns a schema and a changed one.
func generatePair(seed uint64) (was, is string) {
	text := func(changes int) string {
		g := &generator{Rand: rand.New(rand.NewPCG(seed, 0))}
		root := g.newRecord("CloudEvent", 3)
		g.Rand = rand.New(rand.NewPCG(seed, 1)) // the schemas differ by the changes only
		for range changes {
			g.change()
		}
		return render(&node{kind: "record", record: root}, map[*recordNode]bool{})
	}
	return text(0), text(1 + int(seed%3))
}

func (g *generator) newRecord(name string, depth int) *recordNode {
	r := &recordNode{name: name}
	for _, i := range g.Perm(6)[:g.IntN(5)] {
		r.fields = append(r.fields, g.newMember(string(rune('a'+i)), depth-1))
	}
	g.records = append(g.records, r)
	return r
}

func (g *generator) newMember(name string, depth int) *member {
	m := &member{name: name, dataType: g.newType(depth)}
	m.hasDefault = m.dataType.nullable && g.IntN(4) > 0
	g.members = append(g.members, m)
	return m
}

func (g *generator) newType(depth int) *node {
	n := &node{nullable: g.IntN(3) == 0}
	switch choice := g.IntN(10); {
	case depth > 0 && choice < 2:
		n.kind = []string{"array", "map"}[g.IntN(2)]
		n.elem = g.newType(depth - 1)
	case depth > 0 && choice < 4:
		n.kind, n.record = "record", g.newRecord(fmt.Sprintf("R%d", g.Uint32()), depth)
	case depth >= 0 && choice < 7 && len(g.records) > 0:
		n.kind, n.record = "record", g.records[g.IntN(len(g.records))]
	default:
		n.kind = []string{"boolean", "long", "double", "string", "bytes"}[g.IntN(5)]
	}
	return n
}

// change changes one field or one record, in place.
func (g *generator) change() {
	r := g.records[g.IntN(len(g.records))]
	kind := g.IntN(9)
	if len(r.fields) == 0 {
		kind = 0
	}
	i := g.IntN(max(1, len(r.fields)))
	switch kind {
	case 0:
		r.fields = slices.Insert(r.fields, i, g.newMember(fmt.Sprintf("new%d", len(g.members)), -1))
	case 1:
		r.fields = slices.Delete(r.fields, i, i+1)
	case 2:
		g.Shuffle(len(r.fields), func(i, j int) { r.fields[i], r.fields[j] = r.fields[j], r.fields[i] })
	case 3:
		r.fields[i].name += "x"
	case 4:
		r.fields[i].hasDefault = r.fields[i].dataType.nullable && !r.fields[i].hasDefault
	case 5:
		r.fields[i].dataType, r.fields[i].hasDefault = g.newType(-1), false
	case 6:
		if len(g.records) > 1 {
			g.records[g.IntN(len(g.records)-1)].name += "x"
		}
	default:
		changed := r.fields[i].dataType
		if changed.elem != nil && g.IntN(2) == 0 {
			changed = changed.elem
		} else {
			r.fields[i].hasDefault = false
		}
		changed.nullable = !changed.nullable
	}
}

// render returns the text of a schema. It defines a record once and then refers to it by name.
func render(n *node, defined map[*recordNode]bool) string {
	text := fmt.Sprintf("%q", n.kind)
	switch {
	case n.kind == "array":
		text = `{"type": "array", "items": ` + render(n.elem, defined) + `}`
	case n.kind == "map":
		text = `{"type": "map", "values": ` + render(n.elem, defined) + `}`
	case n.record != nil && defined[n.record]:
		text = fmt.Sprintf("%q", n.record.name)
	case n.record != nil:
		defined[n.record] = true
		text = renderRecord(n.record, defined)
	}
	if n.nullable {
		text = `["null", ` + text + `]`
	}
	return text
}

func renderRecord(r *recordNode, defined map[*recordNode]bool) string {
	fields := []string{}
	for _, m := range r.fields {
		withDefault := ""
		if m.hasDefault {
			withDefault = `"default": null, `
		}
		fields = append(fields, fmt.Sprintf(`{%s"name": %q, "type": %s}`, withDefault, m.name, render(m.dataType, defined)))
	}
	namespace := ""
	if r.name == "CloudEvent" {
		namespace = `"namespace": "org.example.sample.v1", `
	}
	return fmt.Sprintf(`{"fields": [%s], "name": %q, %s"type": "record"}`, strings.Join(fields, ", "), r.name, namespace)
}
