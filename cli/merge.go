package cli

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func (s *session) merge() *cobra.Command {
	explain := false
	command := s.withAction(&cobra.Command{
		Use:   "merge [--explain] CONFIG...",
		Short: "Merge configurations and show the result",
		Long: `Merge configurations and show the result as JSON.

With --explain, show a table with a row for each event type and topic. It has the
file and line that set each value, and the overridden values.

merge does not check event types and key paths; lint does.`,
		Example:           "  " + s.Name + " merge base.json site.yaml > merged.json\n  " + s.Name + " merge --explain defaults: site.yaml",
		Args:              arguments(1, math.MaxInt, "one CONFIG or more"),
		ValidArgsFunction: completeConfigs,
	}, func(_ context.Context, args []string) error {
		config, err := s.load(nil, args)
		if err != nil {
			return err
		}
		if !explain {
			return writeJSON(s, config.Merged)
		}
		rows := allSettings(config)
		if s.format == formatJSON {
			return writeJSON(s, rows)
		}
		withModes := slices.ContainsFunc(rows, func(d topicSettings) bool { return d.Mode != nil })
		table := [][]string{{"EVENT TYPE", "TOPIC", "ENABLED", "KEY"}}
		for _, d := range rows {
			table = append(table, []string{d.EventType, d.Topic, d.Enabled.String(), d.Key.key()})
		}
		add := func(title string, text func(d topicSettings) string) {
			table[0] = append(table[0], title)
			for i, d := range rows {
				table[i+1] = append(table[i+1], text(d))
			}
		}
		if withModes {
			add("MODE", func(d topicSettings) string {
				if d.Mode == nil {
					return "default"
				}
				return d.Mode.String()
			})
		}
		add("OVERRIDDEN", func(d topicSettings) string {
			overridden := make([]string, len(d.Overridden))
			for i, v := range d.Overridden {
				overridden[i] = v.Field + " " + v.String()
			}
			return strings.Join(overridden, ", ")
		})
		s.table(table)
		return nil
	})
	command.Flags().BoolVar(&explain, "explain", false, "show where each value was set")
	return command
}

// topicSettings are the merged settings of one event type and topic.
type topicSettings struct {
	EventType  string  `json:"event_type"`
	Topic      string  `json:"topic"`
	Enabled    *value  `json:"enabled"`
	Key        *value  `json:"key"`
	Mode       *value  `json:"mode,omitempty"`
	Overridden []value `json:"overridden"`
}

// value is the value of a setting and the place that set it.
type value struct {
	place

	Field string `json:"field"`
	Value string `json:"value"`
}

func valueOf(o signalcast.Setting) value { return value{placeOf(o), o.Field, o.Value} }

func (v *value) String() string {
	if v == nil {
		return "missing"
	}
	return v.Value + " (" + v.place.String() + ")"
}

// key describes v, which is event_key_field or keyless.
func (v *value) key() string {
	if v != nil && v.Field == "keyless" {
		if v.Value == strconv.FormatBool(true) {
			return "keyless (" + v.place.String() + ")"
		}
		return "missing"
	}
	return v.String()
}

// settingsOf returns the merged settings of one event type and topic.
func settingsOf(config *configfile.Loaded, eventType, topic string) topicSettings {
	d := topicSettings{EventType: eventType, Topic: topic, Overridden: []value{}}
	for _, setting := range []struct {
		name string
		into **value
	}{{"enabled", &d.Enabled}, {"mode", &d.Mode}} {
		all := config.Provenance.Settings(eventType, topic, setting.name)
		for i, o := range all {
			v := valueOf(o)
			if i == len(all)-1 {
				*setting.into = &v
			} else {
				d.Overridden = append(d.Overridden, v)
			}
		}
	}
	// A layer that sets event_key_field or keyless replaces both.
	keys := config.Provenance.Settings(eventType, topic, "event_key_field")
	for _, o := range keys {
		v := valueOf(o)
		switch last := keys[len(keys)-1]; {
		case o.Layer != last.Layer:
			d.Overridden = append(d.Overridden, v)
		case d.Key == nil || o.Field == "event_key_field":
			d.Key = &v
		}
	}
	return d
}

// allSettings returns the merged settings, sorted by event type and topic.
func allSettings(config *configfile.Loaded) []topicSettings {
	rows := []topicSettings{}
	for _, eventType := range sorted(config.Merged) {
		for _, topic := range sorted(config.Merged[eventType]) {
			rows = append(rows, settingsOf(config, eventType, topic))
		}
	}
	return rows
}
