package configfile

import (
	"cmp"
	"errors"
	"slices"

	"github.com/signalcast/signalcast"
)

// Config is what [Load] has made of several sources.
type Config struct {
	// Merged is all layers laid over one another.
	Merged signalcast.ProducerConfig
	// Provenance knows which layer decided each value of Merged.
	Provenance *signalcast.Provenance
	// Layers are what was read, in the order of the sources.
	Layers []signalcast.Layer
}

// Load reads the sources, merges them in their order, the first one being the
// base, and validates the result against r; with a nil r, names and key paths
// are not checked.
//
// One call finds everything: the error joins a [*signalcast.ValidationError]
// with the problems of all sources and of the merged configuration, each with
// its place, and an error for each source that could not be read at all.
// A setting that is missing where a source could not be read is none of them.
// The Config returned with an error holds what is right of the sources: to look
// for more, not to run on.
func Load(r *signalcast.Registry, sources ...Source) (*Config, error) {
	var (
		loaded   Config
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
			found.Problems = append(found.Problems, ownProblems(invalid.Problems, found.Problems, complete)...)
		}
	}
	if len(found.Problems) > 0 {
		finish(&found)
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

// ownProblems leaves out settings that may be missing only because a source
// could not be read, wholly or around them.
func ownProblems(merged, sources []signalcast.Problem, complete bool) []signalcast.Problem {
	return slices.DeleteFunc(merged, func(p signalcast.Problem) bool {
		return p.Code == signalcast.CodeMissing && (!complete || slices.ContainsFunc(sources, func(s signalcast.Problem) bool {
			return (s.EventType == "" || s.EventType == p.EventType) && (s.Topic == "" || s.Topic == p.Topic)
		}))
	})
}

// finish sorts the problems and omits those that are too many, as the core does.
func finish(found *signalcast.ValidationError) {
	slices.SortStableFunc(found.Problems, func(a, b signalcast.Problem) int {
		return cmp.Or(
			cmp.Compare(a.Source, b.Source),
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
