package configfile

import (
	"errors"
	"slices"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/configtree"
)

// Loaded is the result of [Load]. It is read-only.
type Loaded struct {
	// Merged is the merged configuration.
	Merged signalcast.ProducerConfig
	// Provenance records which layer set each value of Merged.
	Provenance *signalcast.Provenance
	// Layers are the configurations of the sources, in their order.
	Layers []signalcast.Layer

	registry *signalcast.Registry
	sources  []Source
	read     reading
}

// reading is what the sources returned, in their order.
type reading []sourceResult

type sourceResult struct {
	layer signalcast.Layer
	err   error
}

// Load reads the sources, merges them in their order, and validates the result against r. A later
// source overrides an earlier one. If r is nil, Load does not validate the merged configuration.
//
// The error joins a [*signalcast.ValidationError], with the problems of all sources and of the
// merged configuration, and an error for each source that could not be read. Load does not report
// a setting as missing if a source could not be read. The result is never nil. Beside an error it
// holds the valid parts of the sources.
func Load(r *signalcast.Registry, sources ...Source) (*Loaded, error) {
	read := make(reading, len(sources))
	for i, source := range sources {
		read[i].layer, read[i].err = source()
	}
	return merge(r, sources, read)
}

// merge returns the result of Load for what the sources returned.
func merge(r *signalcast.Registry, sources []Source, read reading) (*Loaded, error) {
	var (
		loaded   = Loaded{registry: r, sources: sources, read: read}
		found    signalcast.ValidationError
		unread   []error
		invalid  *signalcast.ValidationError
		complete = true
	)
	for _, result := range read {
		switch {
		case errors.As(result.err, &invalid):
			found.Problems = append(found.Problems, invalid.Problems...)
			found.Omitted += invalid.Omitted
		case result.err != nil:
			unread = append(unread, result.err)
			complete = false
			continue
		}
		loaded.Layers = append(loaded.Layers, result.layer)
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
