package configfile

import (
	"errors"
	"fmt"

	"github.com/signalcast/signalcast"
)

// document is what a reader of one format makes of a text: a tree of maps, lists
// and plain values, the places of the names in it, and the problems that
// only this reader sees. All other rules are those of signalcast.DecodeProducerConfig.
type document struct {
	source    string
	tree      map[string]any
	positions map[signalcast.ConfigPath]signalcast.Position
	problems  []signalcast.Problem
}

func newDocument(source string) *document {
	return &document{source: source, tree: map[string]any{}, positions: map[signalcast.ConfigPath]signalcast.Position{}}
}

// fits reports a text that is too large.
func (d *document) fits(text []byte, limit int) bool {
	if len(text) <= limit {
		return true
	}
	d.fault(signalcast.ConfigPath{}, signalcast.Position{},
		fmt.Sprintf("found a text of more than %d bytes", limit), fmt.Sprintf("at most %d", limit))
	return false
}

func (d *document) fault(at signalcast.ConfigPath, pos signalcast.Position, found, want string) {
	d.problems = append(d.problems, signalcast.Problem{
		Source: d.source, Position: pos, ConfigPath: at, Found: found, Want: want,
	})
}

// child is the path of a name within the place at.
func child(at signalcast.ConfigPath, name string) signalcast.ConfigPath {
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

// layer applies the rules. With an error it returns what is right of the document.
func (d *document) layer() (signalcast.Layer, error) {
	layer := signalcast.Layer{Name: d.source, Positions: d.positions}
	var err error
	layer.Config, err = signalcast.DecodeProducerConfig(d.tree)
	found := signalcast.ValidationError{Problems: d.problems}
	if invalid, ok := errors.AsType[*signalcast.ValidationError](err); ok {
		found.Omitted = invalid.Omitted
		for _, p := range invalid.Problems {
			p.Source, p.Position = d.source, d.position(p.ConfigPath)
			found.Problems = append(found.Problems, p)
			d.prune(p.ConfigPath)
		}
		layer.Config, _ = signalcast.DecodeProducerConfig(d.tree) // nil when not all problems were listed
	}
	if len(found.Problems) == 0 {
		return layer, nil
	}
	finish(&found)
	return layer, &found
}

// position is the place of a name, or of the nearest one above it that has one.
func (d *document) position(at signalcast.ConfigPath) signalcast.Position {
	for _, path := range []signalcast.ConfigPath{at, {EventType: at.EventType, Topic: at.Topic}, {EventType: at.EventType}, {}} {
		if pos, ok := d.positions[path]; ok {
			return pos
		}
	}
	return signalcast.Position{}
}

// prune removes what is wrong at a place: the empty name in it if there is one,
// else all of it.
func (d *document) prune(at signalcast.ConfigPath) {
	object, parent, last := d.tree, map[string]any(nil), ""
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
