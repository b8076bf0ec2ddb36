package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/internal/nearest"
)

// hints returns the next step for problems whose text does not show their cause.
func (s *session) hints(config *configfile.Loaded, problems []signalcast.Problem) []string {
	var hints []string
	add := func(hint string) {
		if !slices.Contains(hints, hint) {
			hints = append(hints, hint)
		}
	}
	for _, p := range problems {
		switch {
		case strings.EqualFold(p.EventType, configfile.ProducerConfigVariable):
			add(fmt.Sprintf("%s: remove the name %s; a configuration file holds only the value of that setting", p.Layer, p.EventType))
		case p.Code == signalcast.CodeWrongType && p.Field == "" && slices.Contains([]string{"enabled", "event_key_field", "keyless", "mode"}, p.Topic):
			add(fmt.Sprintf("%s: %s: settings belong to a topic; put them under the name of one", p.Layer, p.EventType))
		case p.Code == signalcast.CodeUnknownEventType && p.Nearest == "" && s.Name == defaultName && s.Unsupported[p.EventType] == "":
			add("signalcast knows only the event types of Open edX; build the command for other event types with package github.com/signalcast/signalcast/cli")
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
