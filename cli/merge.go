package cli

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func (s *session) merge() *cobra.Command {
	explain := false
	command := s.does(&cobra.Command{
		Use:   "merge [--explain] CONFIG...",
		Short: "Lay configurations over one another and show the result",
		Long: `Lay configurations over one another and show the result, as JSON.

With --explain it is a table: a row for each event type and topic, with the file
and line that decided each value, and the values that were overridden.

Event types and key paths are not checked; lint does that.`,
		Example:           "  " + s.Name + " merge base.json site.yaml > merged.json\n  " + s.Name + " merge --explain defaults: site.yaml",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeConfigs,
	}, func(_ context.Context, args []string) error {
		config, err := s.load(nil, args)
		if err != nil {
			return err
		}
		if !explain {
			return writeJSON(s, config.Merged)
		}
		rows := decisions(config)
		if s.format == formatJSON {
			return writeJSON(s, rows)
		}
		table := [][]string{{"EVENT TYPE", "TOPIC", "ENABLED", "KEY", "OVERRIDDEN"}}
		for _, d := range rows {
			overridden := make([]string, len(d.Overridden))
			for i, v := range d.Overridden {
				overridden[i] = v.named()
			}
			table = append(table, []string{d.EventType, d.Topic, d.Enabled.String(), d.Key.key(), strings.Join(overridden, ", ")})
		}
		s.table(table)
		return nil
	})
	command.Flags().BoolVar(&explain, "explain", false, "show who decided what")
	return command
}

// decision is one row: the final settings of an event type and topic.
type decision struct {
	EventType  string  `json:"event_type"`
	Topic      string  `json:"topic"`
	Enabled    *value  `json:"enabled"`
	Key        *value  `json:"key"`
	Overridden []value `json:"overridden"`
}

// value is a setting and where it is from.
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

// key is the value of the setting that says what the key is.
func (v *value) key() string {
	if v != nil && v.Field == "keyless" {
		if v.Value == strconv.FormatBool(true) {
			return "none (" + v.place.String() + ")"
		}
		return "missing"
	}
	return v.String()
}

func (v *value) named() string { return v.Field + " " + v.String() }

// decide returns the settings of one event type and topic.
func decide(config *configfile.Loaded, eventType, topic string) decision {
	d := decision{EventType: eventType, Topic: topic, Overridden: []value{}}
	enabled := config.Provenance.Settings(eventType, topic, "enabled")
	for i, o := range enabled {
		v := valueOf(o)
		if i == len(enabled)-1 {
			d.Enabled = &v
		} else {
			d.Overridden = append(d.Overridden, v)
		}
	}
	// A layer that gives event_key_field or keyless replaces both.
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

// decisions returns all rows, sorted.
func decisions(config *configfile.Loaded) []decision {
	rows := []decision{}
	for _, eventType := range sorted(config.Merged) {
		for _, topic := range sorted(config.Merged[eventType]) {
			rows = append(rows, decide(config, eventType, topic))
		}
	}
	return rows
}
