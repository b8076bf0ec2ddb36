package signalcast

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Provenance remembers where the values of a merged configuration are from.
// It is immutable and safe for concurrent use; nil knows nothing.
type Provenance struct{ layers []Layer }

// Origin is one layer's word on one place of a configuration.
type Origin struct {
	// Layer is the layer's name.
	Layer string
	// Position is the place in the layer, zero when unknown.
	Position
	// Field is the setting that the layer gives: "enabled". It is empty for an
	// event type or a topic.
	Field string
	// Value is the setting's value as text: "true", or the key path as it is.
	Value string
}

// Origins returns the layers that say something of a setting, in their order:
// the last one decides, those before it are overridden. As merging replaces
// event_key_field and keyless together, both names return the origins of both.
//
// An empty field asks for the layers that name the topic, an empty topic for
// those that name the event type.
func (p *Provenance) Origins(eventType, topic, field string) []Origin {
	if p == nil {
		return nil
	}
	var origins []Origin
	for _, l := range p.layers {
		origins = append(origins, l.origins(ConfigPath{eventType, topic, field})...)
	}
	return origins
}

func (l *Layer) origins(path ConfigPath) []Origin {
	topics, ok := l.Config[path.EventType]
	if ok && path.Topic == "" {
		return []Origin{{Layer: l.Name, Position: l.Positions[path]}}
	}
	t, ok := topics[path.Topic]
	if ok && path.Field == "" {
		return []Origin{{Layer: l.Name, Position: l.Positions[path]}}
	}
	var origins []Origin
	add := func(field, value string) {
		path.Field = field
		origins = append(origins, Origin{l.Name, l.Positions[path], field, value})
	}
	switch path.Field {
	case fieldEnabled:
		if t.Enabled != nil {
			add(fieldEnabled, strconv.FormatBool(*t.Enabled))
		}
	case fieldKey, fieldKeyless:
		if t.EventKeyField != nil {
			add(fieldKey, *t.EventKeyField)
		}
		if t.Keyless != nil {
			add(fieldKeyless, strconv.FormatBool(*t.Keyless))
		}
	}
	return origins
}

// Locate adds to the problems of the [*ValidationError] in err the layer and
// position of the value at fault: of a setting those of the layer that decided,
// of an event type, a topic or a missing setting those of the layer that named
// it first. Problems that have a source keep it. The error is otherwise the
// same; err itself is unchanged, and returned as it is when there is no
// ValidationError in it.
func (p *Provenance) Locate(err error) error {
	var invalid *ValidationError
	if p == nil || !errors.As(err, &invalid) {
		return err
	}
	located := &ValidationError{slices.Clone(invalid.Problems), invalid.Omitted}
	for i := range located.Problems {
		if problem := &located.Problems[i]; problem.Source == "" {
			origin := p.decisive(problem.ConfigPath)
			problem.Source, problem.Position = origin.Layer, origin.Position
		}
	}
	slices.SortStableFunc(located.Problems, compareProblems)
	if err == error(invalid) { //nolint:errorlint // whether it is wrapped is the question
		return located
	}
	return &locatedError{located, err, strings.Replace(err.Error(), invalid.Error(), located.Error(), 1)}
}

// decisive returns the origin to look at for a problem at a place.
func (p *Provenance) decisive(path ConfigPath) Origin {
	if path.Field != "" {
		if origins := p.Origins(path.EventType, path.Topic, path.Field); len(origins) > 0 {
			return origins[len(origins)-1]
		}
	}
	for _, parent := range []ConfigPath{{path.EventType, path.Topic, ""}, {path.EventType, "", ""}} {
		if origins := p.Origins(parent.EventType, parent.Topic, ""); len(origins) > 0 {
			return origins[0]
		}
	}
	return Origin{}
}

// locatedError is an error with a ValidationError somewhere inside, after the
// latter was located.
type locatedError struct {
	located  *ValidationError
	original error
	text     string
}

func (e *locatedError) Error() string { return e.text }

// Unwrap returns the located ValidationError first, so that it is the one found.
func (e *locatedError) Unwrap() []error { return []error{e.located, e.original} }
