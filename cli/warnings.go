package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/configfile"
)

// warnings returns the probable mistakes of a configuration. hasProblems tells whether lint has found problems. These may be
// the cause if nothing is enabled, so warnings then does not warn of it.
func (s *session) warnings(config *configfile.Loaded, routes []signalcast.Route, prefix string, hasProblems bool) []signalcast.Problem {
	warnings := slices.Concat(s.wrongKeyWarnings(config), prefixWarnings(config, prefix), keySchemaWarnings(config, routes), modeWarnings(config))
	if !hasProblems && !anyEnabled(config.Merged) {
		warnings = append(warnings, signalcast.Problem{Found: "nothing is enabled; no event leaves the process"})
	}
	slices.SortStableFunc(warnings, func(a, b signalcast.Problem) int {
		return cmp.Or(cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ConfigPath.String(), b.ConfigPath.String()))
	})
	return warnings
}

// warningAt returns a warning with the file and the line that set the value at a path.
func warningAt(config *configfile.Loaded, at signalcast.ConfigPath, text string) signalcast.Problem {
	p := signalcast.Problem{ConfigPath: at, Found: text}
	if settings := config.Provenance.Settings(at.EventType, at.Topic, at.Field); len(settings) > 0 {
		last := settings[len(settings)-1]
		p.Layer, p.Position = last.Layer, last.Position
	}
	return p
}

// validRoutes returns the routes of all valid topics in a configuration that may be invalid.
func (s *session) validRoutes(ctx context.Context, config signalcast.ProducerConfig) ([]signalcast.Route, error) {
	valid := signalcast.ProducerConfig{}
	for eventType, topics := range config {
		for topic, t := range topics {
			if (signalcast.ProducerConfig{eventType: {topic: t}}).Validate(s.Registry) != nil {
				continue
			}
			if valid[eventType] == nil {
				valid[eventType] = map[string]signalcast.TopicConfig{}
			}
			valid[eventType][topic] = t
		}
	}
	d, err := signalcast.NewDispatcher(ctx, s.Registry, immediate(valid), memory.New())
	if err != nil {
		return nil, err
	}
	return d.Routes(), d.Close(ctx)
}

func anyEnabled(config signalcast.ProducerConfig) bool {
	for _, topics := range config {
		for _, t := range topics {
			if isTrue(t.Enabled) {
				return true
			}
		}
	}
	return false
}

// keySchemaWarnings warns of topics whose event types have different key schemas. On Kafka, the ID of the
// schema is part of the key, so equal keys can go to different partitions.
func keySchemaWarnings(config *configfile.Loaded, routes []signalcast.Route) []signalcast.Problem {
	bySchema := map[string]map[string][]string{} // topic → schema text → event types
	for _, r := range routes {
		if r.Enabled && r.KeySchema != nil {
			if bySchema[r.Topic] == nil {
				bySchema[r.Topic] = map[string][]string{}
			}
			bySchema[r.Topic][r.KeySchema.Text] = append(bySchema[r.Topic][r.KeySchema.Text], r.EventType)
		}
	}
	var warnings []signalcast.Problem
	for topic, schemas := range bySchema {
		if len(schemas) == 1 {
			continue
		}
		parts := make([]string, 0, len(schemas))
		first := ""
		for _, text := range sorted(schemas) {
			parts = append(parts, fmt.Sprintf("%s of %s", text, strings.Join(schemas[text], " and ")))
			first = schemas[text][0]
		}
		warnings = append(warnings, warningAt(config, signalcast.ConfigPath{EventType: first, Topic: topic, Field: "event_key_field"},
			"different key schemas on one topic: "+strings.Join(parts, "; ")+
				"; on Kafka, events with equal keys are in order only if their key schemas are equal"))
	}
	return warnings
}

// immediate returns the configuration with mode immediate for every topic. The command publishes without a
// database.
func immediate(config signalcast.ProducerConfig) signalcast.ProducerConfig {
	config = signalcast.MergeProducerConfigs(config)
	for _, topics := range config {
		for topic, t := range topics {
			t.Mode = new(signalcast.ModeImmediate)
			topics[topic] = t
		}
	}
	return config
}

// modeWarnings warns of topics whose event types have different modes. Events of different modes do not keep the
// order in which they were sent.
func modeWarnings(config *configfile.Loaded) []signalcast.Problem {
	byMode := map[string]map[string][]string{} // topic → mode → event types
	for _, eventType := range sorted(config.Merged) {
		for topic, t := range config.Merged[eventType] {
			if isTrue(t.Enabled) {
				if byMode[topic] == nil {
					byMode[topic] = map[string][]string{}
				}
				byMode[topic][modeText(t.Mode)] = append(byMode[topic][modeText(t.Mode)], eventType)
			}
		}
	}
	var warnings []signalcast.Problem
	for topic, modes := range byMode {
		if len(modes) == 1 {
			continue
		}
		parts := make([]string, 0, len(modes))
		at := signalcast.ConfigPath{Topic: topic, Field: "mode"}
		for _, mode := range sorted(modes) {
			parts = append(parts, fmt.Sprintf("%s of %s", mode, strings.Join(modes[mode], " and ")))
			if config.Merged[modes[mode][0]][topic].Mode != nil {
				at.EventType = modes[mode][0]
			}
		}
		warnings = append(warnings, warningAt(config, at, "several modes on one topic: "+strings.Join(parts, "; ")+
			"; events of different modes are not in order"))
	}
	return warnings
}

// modeText describes the mode of a topic.
func modeText(m *signalcast.Mode) string {
	if m == nil {
		return "the default mode"
	}
	return "mode " + string(*m)
}

func prefixWarnings(config *configfile.Loaded, prefix string) []signalcast.Problem {
	if prefix == "" {
		return nil
	}
	var warnings []signalcast.Problem
	for eventType, topics := range config.Merged {
		for topic := range topics {
			if strings.HasPrefix(topic, prefix+"-") {
				warnings = append(warnings, warningAt(config, signalcast.ConfigPath{EventType: eventType, Topic: topic},
					fmt.Sprintf("the topic already starts with the prefix %q; its full name is %q", prefix, fullTopic(prefix, topic))))
			}
		}
	}
	return warnings
}

// wrongKeyWarnings warns of the invalid key paths in WrongKeys.
func (s *session) wrongKeyWarnings(config *configfile.Loaded) []signalcast.Problem {
	var warnings []signalcast.Problem
	for eventType, topics := range config.Merged {
		wrong, known := s.WrongKeys[eventType]
		for topic, t := range topics {
			if known && t.EventKeyField != nil && *t.EventKeyField == wrong {
				warnings = append(warnings, warningAt(config, signalcast.ConfigPath{EventType: eventType, Topic: topic, Field: "event_key_field"},
					fmt.Sprintf("the platform also declares the invalid key path %q; want %s",
						wrong, strings.Join(s.Registry.KeyPaths(eventType), ", "))))
			}
		}
	}
	return warnings
}
