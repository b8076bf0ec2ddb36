package cli

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/internal/nearest"
)

// ownCommandHint is the next step for an event type that is not of Open edX.
const ownCommandHint = "signalcast knows only the event types of Open edX; " +
	"build the command for other event types with package github.com/signalcast/signalcast/cli"

// hints returns the next step for problems whose text does not show their cause, and for topics that are
// probably misspelt.
func (s *session) hints(config *configfile.Loaded, problems []signalcast.Problem) []string {
	var hints []string
	for _, p := range problems {
		switch {
		case strings.EqualFold(p.EventType, configfile.ProducerConfigVariable):
			hints = append(hints, fmt.Sprintf("%s: remove the name %s; a configuration file holds only the value of that setting", p.Layer, p.EventType))
		case p.Code == signalcast.CodeWrongType && p.Field == "" && slices.Contains([]string{"enabled", "event_key_field", "keyless", "mode"}, p.Topic):
			hints = append(hints, fmt.Sprintf("%s: %s: settings belong to a topic; put them under the name of one", p.Layer, p.EventType))
		case p.Code == signalcast.CodeUnknownEventType && p.Nearest == "" && s.Name == defaultName && s.Unsupported[p.EventType] == "":
			hints = append(hints, ownCommandHint)
		case p.Code == signalcast.CodeMissing && p.Topic != "":
			others := maps.Clone(config.Merged[p.EventType])
			delete(others, p.Topic)
			hints = append(hints, topicHint(p.Layer, p.Topic, maps.Keys(others))...)
		}
	}
	hints = append(hints, overrideHints(config)...)
	slices.Sort(hints)
	return slices.Compact(hints)
}

// overrideHints returns a hint for each topic whose name is new in a layer and similar to one of the same
// event type in an earlier layer.
func overrideHints(config *configfile.Loaded) []string {
	var hints []string
	earlier := signalcast.ProducerConfig{}
	for _, layer := range config.Layers {
		for eventType, topics := range layer.Config {
			for topic := range topics {
				if _, known := earlier[eventType][topic]; !known {
					hints = append(hints, topicHint(layer.Name, topic, maps.Keys(earlier[eventType]))...)
				}
			}
		}
		earlier = signalcast.MergeProducerConfigs(earlier, layer.Config)
	}
	return hints
}

// topicHint returns a hint if one of the other topics has a name similar to topic.
func topicHint(layer, topic string, others iter.Seq[string]) []string {
	if near := nearest.Name(topic, others); near != "" {
		return []string{fmt.Sprintf("%s: topic %q: did you mean %q?", layer, topic, near)}
	}
	return nil
}
