// Package configtree is what readers of configurations in other languages than JSON share: a
// tree of names and values with their positions, and the problems of one text.
package configtree

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/signalcast/signalcast"
)

// Document is a text as the reader of one language sees it. The reader sets Tree and Positions,
// and reports the faults that only it can see. Layer applies the rules of
// [signalcast.DecodeProducerConfig].
type Document struct {
	// Name is the name of the layer.
	Name string
	// Tree holds maps, lists and plain values.
	Tree map[string]any
	// Positions are those of the names in Tree.
	Positions map[signalcast.ConfigPath]signalcast.Position

	problems []signalcast.Problem
}

// New returns an empty document.
func New(name string) *Document {
	return &Document{Name: name, Tree: map[string]any{}, Positions: map[signalcast.ConfigPath]signalcast.Position{}}
}

// Fits reports whether text has at most limit bytes. A larger text is a fault.
func (d *Document) Fits(text []byte, limit int) bool {
	if len(text) <= limit {
		return true
	}
	d.Fault(signalcast.CodeTooLarge, signalcast.ConfigPath{}, signalcast.Position{},
		fmt.Sprintf("found a text of more than %d bytes", limit), fmt.Sprintf("at most %d", limit))
	return false
}

// Fault adds a problem.
func (d *Document) Fault(code signalcast.ProblemCode, at signalcast.ConfigPath, pos signalcast.Position, found, want string) {
	d.problems = append(d.problems, signalcast.Problem{
		Code: code, Layer: d.Name, Position: pos, ConfigPath: at, Found: found, Want: want,
	})
}

// Child returns the path of a name inside the place at.
func Child(at signalcast.ConfigPath, name string) signalcast.ConfigPath {
	switch {
	case at.EventType == "":
		at.EventType = name
	case at.Topic == "":
		at.Topic = name
	default:
		at.Field = name
	}
	return at
}

// Layer returns the configuration. If there are problems, it returns the valid rest beside a
// [*signalcast.ValidationError].
func (d *Document) Layer() (signalcast.Layer, error) {
	layer := signalcast.Layer{Name: d.Name, Positions: d.Positions}
	var err error
	layer.Config, err = signalcast.DecodeProducerConfig(d.Tree)
	found := signalcast.ValidationError{Problems: d.problems}
	if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
		found.Omitted = invalid.Omitted
		for _, p := range invalid.Problems {
			p.Layer, p.Position = d.Name, d.position(p.ConfigPath)
			found.Problems = append(found.Problems, p)
			d.prune(p.ConfigPath)
		}
		layer.Config, _ = signalcast.DecodeProducerConfig(d.Tree) // nil if not all problems were listed
	}
	if len(found.Problems) == 0 {
		return layer, nil
	}
	Sort(&found)
	return layer, &found
}

// position returns the position of a name, or of the nearest one above it that has one.
func (d *Document) position(at signalcast.ConfigPath) signalcast.Position {
	for _, path := range []signalcast.ConfigPath{at, {EventType: at.EventType, Topic: at.Topic}, {EventType: at.EventType}, {}} {
		if pos, ok := d.Positions[path]; ok {
			return pos
		}
	}
	return signalcast.Position{}
}

// prune removes the fault at a place: the empty name in it if there is one, otherwise the
// whole place.
func (d *Document) prune(at signalcast.ConfigPath) {
	object, parent, last := d.Tree, map[string]any(nil), ""
	for _, name := range []string{at.EventType, at.Topic, at.Field} {
		if name == "" {
			break
		}
		parent, last = object, name
		object, _ = object[name].(map[string]any)
	}
	if _, empty := object[""]; empty {
		delete(object, "")
	} else {
		delete(parent, last)
	}
}

// Sort sorts the problems of several sources and omits those beyond signalcast.MaxProblems.
func Sort(found *signalcast.ValidationError) {
	slices.SortStableFunc(found.Problems, func(a, b signalcast.Problem) int {
		return cmp.Or(
			cmp.Compare(a.Layer, b.Layer),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.EventType, b.EventType),
			cmp.Compare(a.Topic, b.Topic),
			cmp.Compare(a.Field, b.Field),
			cmp.Compare(a.Found, b.Found),
		)
	})
	if extra := len(found.Problems) - signalcast.MaxProblems; extra > 0 {
		found.Problems = found.Problems[:signalcast.MaxProblems]
		found.Omitted += extra
	}
}
