package signalcast

import (
	"errors"
	"slices"
	"strconv"
)

// Provenance tells which layer set each value of a merged configuration. It is
// immutable and safe for concurrent use. A nil Provenance has no origins.
type Provenance struct{ layers []Layer }

// Origin is one layer that sets a place of a configuration.
type Origin struct {
	// Layer is the layer's name.
	Layer string
	// Position is the place in the layer, zero when unknown.
	Position
	// Field is the setting that the layer sets: "enabled". It is empty for an
	// event type or a topic.
	Field string
	// Value is the value of the setting as text: "true", or the key path.
	Value string
}

// Origins returns the layers that set a field, in the order in which they were merged.
// The last one decides; it overrides those before it. Merging replaces
// event_key_field and keyless together, so both names return the origins of both.
//
// With an empty field, Origins returns the layers that name the topic. With an
// empty topic, it returns the layers that name the event type.
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

// Locate returns err with the layer and the position of each problem of the
// [*ValidationError] in it. A problem of a setting gets the position in the layer that
// decided the setting. A problem of an event type, a topic or a missing setting gets
// the position in the layer that named the event type or topic first. Problems that
// have a source keep it.
//
// Locate does not change err. It returns err itself if there is no ValidationError in it.
// From errors that wrap the ValidationError, other than by [errors.Join], the
// result keeps the identity, for [errors.Is], and not the text.
func (p *Provenance) Locate(err error) error {
	var invalid *ValidationError
	if p == nil || !errors.As(err, &invalid) {
		return err
	}
	switch e := err.(type) { //nolint:errorlint // wrapping is handled case by case
	case *ValidationError:
		return p.located(e)
	case interface{ Unwrap() []error }:
		parts := slices.Clone(e.Unwrap())
		for i := range parts {
			parts[i] = p.Locate(parts[i])
		}
		return errors.Join(parts...)
	default:
		return &locatedError{p.Locate(errors.Unwrap(err)), err}
	}
}

func (p *Provenance) located(invalid *ValidationError) *ValidationError {
	located := &ValidationError{slices.Clone(invalid.Problems), invalid.Omitted}
	for i := range located.Problems {
		if problem := &located.Problems[i]; problem.Source == "" {
			origin := p.decisive(problem.ConfigPath)
			problem.Source, problem.Position = origin.Layer, origin.Position
		}
	}
	slices.SortStableFunc(located.Problems, compareProblems)
	return located
}

// decisive returns the origin that a problem at path is about.
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

// locatedError stands for an error that wraps a ValidationError.
type locatedError struct{ located, original error }

func (e *locatedError) Error() string { return e.located.Error() }

// Unwrap returns the located error first, so that errors.As finds it.
func (e *locatedError) Unwrap() []error { return []error{e.located, e.original} }
