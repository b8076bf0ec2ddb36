package signalcast

import (
	"errors"
	"slices"
	"strconv"
)

// Provenance tells which layer set each value of a merged configuration. It is
// immutable and safe for concurrent use. A nil Provenance has no settings.
type Provenance struct{ layers []Layer }

// Setting is what one layer sets at one place of a configuration.
type Setting struct {
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

// Settings returns what each layer sets for a field, in the order in which the layers were
// merged. The last setting decides and overrides the others. Merging replaces
// event_key_field and keyless together, so both names return the settings of both.
//
// With an empty field, Settings returns a Setting for each layer that names the topic. With
// an empty topic, it returns one for each layer that names the event type.
func (p *Provenance) Settings(eventType, topic, field string) []Setting {
	if p == nil {
		return nil
	}
	var settings []Setting
	for _, l := range p.layers {
		settings = append(settings, l.settings(ConfigPath{eventType, topic, field})...)
	}
	return settings
}

func (l *Layer) settings(path ConfigPath) []Setting {
	topics, ok := l.Config[path.EventType]
	if ok && path.Topic == "" {
		return []Setting{{Layer: l.Name, Position: l.Positions[path]}}
	}
	t, ok := topics[path.Topic]
	if ok && path.Field == "" {
		return []Setting{{Layer: l.Name, Position: l.Positions[path]}}
	}
	var settings []Setting
	add := func(field, value string) {
		path.Field = field
		settings = append(settings, Setting{l.Name, l.Positions[path], field, value})
	}
	switch path.Field {
	case fieldEnabled:
		if t.Enabled != nil {
			add(fieldEnabled, strconv.FormatBool(*t.Enabled))
		}
	case fieldMode:
		if t.Mode != nil {
			add(fieldMode, string(*t.Mode))
		}
	case fieldKey, fieldKeyless:
		if t.EventKeyField != nil {
			add(fieldKey, *t.EventKeyField)
		}
		if t.Keyless != nil {
			add(fieldKeyless, strconv.FormatBool(*t.Keyless))
		}
	}
	return settings
}

// Locate returns err with the layer and the position of each problem of the
// [*ValidationError] in it. A problem of a setting gets the position in the layer that
// decided the setting. A problem of an event type, a topic or a missing setting gets
// the position in the layer that named the event type or topic first. Problems that
// have a layer keep it.
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
		if problem := &located.Problems[i]; problem.Layer == "" {
			setting := p.decisive(problem.ConfigPath)
			problem.Layer, problem.Position = setting.Layer, setting.Position
		}
	}
	slices.SortStableFunc(located.Problems, compareProblems)
	return located
}

// decisive returns the setting that a problem at path is about.
func (p *Provenance) decisive(path ConfigPath) Setting {
	if path.Field != "" {
		if settings := p.Settings(path.EventType, path.Topic, path.Field); len(settings) > 0 {
			return settings[len(settings)-1]
		}
	}
	for _, parent := range []ConfigPath{{path.EventType, path.Topic, ""}, {path.EventType, "", ""}} {
		if settings := p.Settings(parent.EventType, parent.Topic, ""); len(settings) > 0 {
			return settings[0]
		}
	}
	return Setting{}
}

// locatedError stands for an error that wraps a ValidationError.
type locatedError struct{ located, original error }

func (e *locatedError) Error() string { return e.located.Error() }

// Unwrap returns the located error first, so that errors.As finds it.
func (e *locatedError) Unwrap() []error { return []error{e.located, e.original} }
