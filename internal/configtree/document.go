// Package configtree holds the tree of names and values, the positions and the problems of one
// configuration text. The readers of YAML, TOML and Python share it.
package configtree

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/signalcast/signalcast"
)

// Document is one configuration text. The reader of the language sets Tree and Positions, and reports
// the faults of the language. Layer applies the rules of [signalcast.DecodeProducerConfig].
type Document struct {
	// Name is the name of the layer.
	Name string
	// Tree is the value of the text. It consists of maps, lists and plain values.
	Tree map[string]any
	// Positions are the positions of the names in Tree.
	Positions map[signalcast.ConfigPath]signalcast.Position

	problems []signalcast.Problem
}

// New returns an empty document.
func New(name string) *Document {
	return &Document{Name: name, Tree: map[string]any{}, Positions: map[signalcast.ConfigPath]signalcast.Position{}}
}

// Fits reports whether text has at most limit bytes. It adds a problem if not.
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

// Child returns the path of a name in the object at a path.
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

// Layer returns the configuration. If there are problems, the error is a
// [*signalcast.ValidationError], and the configuration is the valid part of the text.
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
		layer.Config, _ = signalcast.DecodeProducerConfig(d.Tree) // nil if the error does not list all problems
	}
	if len(found.Problems) == 0 {
		return layer, nil
	}
	Sort(&found)
	return layer, &found
}

// position returns the position of the name at a path. A name without one has that of its object.
func (d *Document) position(at signalcast.ConfigPath) signalcast.Position {
	for _, path := range []signalcast.ConfigPath{at, {EventType: at.EventType, Topic: at.Topic}, {EventType: at.EventType}, {}} {
		if pos, ok := d.Positions[path]; ok {
			return pos
		}
	}
	return signalcast.Position{}
}

// prune removes the value of a problem from the tree: the empty name in the object at the path if there
// is one, or else the value at the path.
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

// Sort sorts problems by place and removes those beyond signalcast.MaxProblems.
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
