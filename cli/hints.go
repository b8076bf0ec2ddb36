package cli

import (
	"fmt"
	"maps"
	"slices"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/internal/nearest"
)

// hints returns what to do next about problems whose cause is elsewhere than they are.
func (s *session) hints(config *configfile.Loaded, problems []signalcast.Problem) []string {
	var hints []string
	add := func(hint string) {
		if !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	for _, p := range problems {
		switch {
		case p.EventType == configfile.ProducerConfigVariable:
			add(fmt.Sprintf("%s: remove the name %s; a configuration file holds its value only", p.Layer, configfile.ProducerConfigVariable))
		case p.Code == signalcast.CodeUnknownEventType && p.Nearest == "" && s.catalogueOnly() && s.Unsupported[p.EventType] == "":
			add("this command knows the event types of Open edX only; a service checks its own with a command of its own, see package cli")
		case p.Code == signalcast.CodeMissing && p.Topic != "":
			others := maps.Clone(config.Merged[p.EventType])
			delete(others, p.Topic)
			if near := nearest.Name(p.Topic, maps.Keys(others)); near != "" {
				add(fmt.Sprintf("%s: topic %q: did you mean %q?", p.Layer, p.Topic, near))
			}
		}
	}
	return hints
}
