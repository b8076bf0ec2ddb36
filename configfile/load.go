package configfile

import (
	"errors"
	"slices"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/configtree"
)

// Loaded is the result of [Load].
type Loaded struct {
	// Merged is the merged configuration.
	Merged signalcast.ProducerConfig
	// Provenance records which layer set each value of Merged.
	Provenance *signalcast.Provenance
	// Layers are the configurations of the sources, in their order.
	Layers []signalcast.Layer
}

// Load reads the sources, merges them in their order, and validates the result against r. A later
// source overrides an earlier one. If r is nil, Load does not validate the merged configuration.
//
// The error joins a [*signalcast.ValidationError], with the problems of all sources and of the
// merged configuration, and an error for each source that could not be read. Load does not report
// a setting as missing if a source could not be read. The result is never nil. Beside an error it
// holds the valid parts of the sources.
func Load(r *signalcast.Registry, sources ...Source) (*Loaded, error) {
	var (
		loaded   Loaded
		found    signalcast.ValidationError
		unread   []error
		invalid  *signalcast.ValidationError
		complete = true
	)
	for _, source := range sources {
		layer, err := source()
		switch {
		case errors.As(err, &invalid):
			found.Problems = append(found.Problems, invalid.Problems...)
			found.Omitted += invalid.Omitted
		case err != nil:
			unread = append(unread, err)
			complete = false
			continue
		}
		loaded.Layers = append(loaded.Layers, layer)
	}
	loaded.Merged, loaded.Provenance = signalcast.MergeLayers(loaded.Layers...)
	if r != nil {
		err := loaded.Provenance.Locate(loaded.Merged.Validate(r))
		if errors.As(err, &invalid) {
			found.Omitted += invalid.Omitted
			found.Problems = append(found.Problems, withoutConsequences(invalid.Problems, found.Problems, complete)...)
		}
	}
	if len(found.Problems) > 0 {
		configtree.Sort(&found)
		unread = append(unread, &found)
	}
	switch len(unread) {
	case 0:
		return &loaded, nil
	case 1:
		return &loaded, unread[0]
	default:
		return &loaded, errors.Join(unread...)
	}
}

// withoutConsequences removes the missing settings that may be in a source, or in a part of a source,
// that could not be read.
func withoutConsequences(merged, sources []signalcast.Problem, complete bool) []signalcast.Problem {
	return slices.DeleteFunc(merged, func(p signalcast.Problem) bool {
		return p.Code == signalcast.CodeMissing && (!complete || slices.ContainsFunc(sources, func(s signalcast.Problem) bool {
			return (s.EventType == "" || s.EventType == p.EventType) && (s.Topic == "" || s.Topic == p.Topic)
		}))
	})
}
