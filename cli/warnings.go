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

// warnings returns what is valid in a configuration and probably not meant.
// That nothing is enabled is none where problems may be the reason.
func (s *session) warnings(config *configfile.Loaded, routes []signalcast.Route, prefix string, problems bool) []signalcast.Problem {
	warnings := slices.Concat(s.warnOfWrongKeys(config), warnOfPrefixes(config, prefix), warnOfKeySchemas(config, routes))
	if !problems {
		warnings = append(warnings, warnOfNothing(config)...)
	}
	slices.SortStableFunc(warnings, func(a, b signalcast.Problem) int {
		return cmp.Or(cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ConfigPath.String(), b.ConfigPath.String()))
	})
	return warnings
}

// located is a finding at the place that decided.
func located(config *configfile.Loaded, at signalcast.ConfigPath, found, advice string) signalcast.Problem {
	p := signalcast.Problem{ConfigPath: at, Found: found + "; " + advice}
	if settings := config.Provenance.Settings(at.EventType, at.Topic, at.Field); len(settings) > 0 {
		last := settings[len(settings)-1]
		p.Layer, p.Position = last.Layer, last.Position
	}
	return p
}

// validRoutes returns the routes of those topics that are valid.
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
	d, err := signalcast.NewDispatcher(ctx, s.Registry, valid, memory.New())
	if err != nil {
		return nil, err
	}
	return d.Routes(), d.Close(ctx)
}

func warnOfNothing(config *configfile.Loaded) []signalcast.Problem {
	for _, topics := range config.Merged {
		for _, t := range topics {
			if isTrue(t.Enabled) {
				return nil
			}
		}
	}
	return []signalcast.Problem{{Found: "nothing is enabled; no event leaves the process"}}
}

// warnOfKeySchemas finds topics whose event types have different key schemas:
// on Kafka the schema's ID is a part of the key, so that equal keys part ways.
func warnOfKeySchemas(config *configfile.Loaded, routes []signalcast.Route) []signalcast.Problem {
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
		warnings = append(warnings, located(config, signalcast.ConfigPath{EventType: first, Topic: topic, Field: "event_key_field"},
			"different key schemas on one topic: "+strings.Join(parts, "; "), "on Kafka, events with equal keys keep their order only where the schemas are equal"))
	}
	return warnings
}

func warnOfPrefixes(config *configfile.Loaded, prefix string) []signalcast.Problem {
	if prefix == "" {
		return nil
	}
	var warnings []signalcast.Problem
	for eventType, topics := range config.Merged {
		for topic := range topics {
			if strings.HasPrefix(topic, prefix+"-") {
				warnings = append(warnings, located(config, signalcast.ConfigPath{EventType: eventType, Topic: topic},
					fmt.Sprintf("the topic starts with the prefix %q already", prefix), fmt.Sprintf("its full name is %q", prefix+"-"+topic)))
			}
		}
	}
	return warnings
}

// warnOfWrongKeys finds key paths that are declared elsewhere and do not work.
func (s *session) warnOfWrongKeys(config *configfile.Loaded) []signalcast.Problem {
	var warnings []signalcast.Problem
	for eventType, topics := range config.Merged {
		wrong, known := s.WrongKeys[eventType]
		for topic, t := range topics {
			if known && t.EventKeyField != nil && *t.EventKeyField == wrong {
				warnings = append(warnings, located(config, signalcast.ConfigPath{EventType: eventType, Topic: topic, Field: "event_key_field"},
					fmt.Sprintf("%q is declared as this event type's key by the platform, and is wrong there too", wrong),
					"key paths that work are "+strings.Join(s.Registry.KeyPaths(eventType), ", ")))
			}
		}
	}
	return warnings
}
