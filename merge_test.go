package signalcast_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestMergeEqualsThatOfTheReference(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/merging.md")
	require.NoError(t, err)
	merged := 0
	for _, tc := range goldenCases[struct {
		Name                        string
		Original, Overrides, Output json.RawMessage
	}](t, "merge_cases.json") {
		original, err1 := signalcast.ParseProducerConfig(tc.Original)
		overrides, err2 := signalcast.ParseProducerConfig(tc.Overrides)
		if err1 != nil || err2 != nil {
			require.Contains(t, string(page), "| "+tc.Name+" |", "the page lists every case that is rejected")
			continue
		}
		require.NotEmpty(t, tc.Output, "the reference fails: %s", tc.Name)
		require.Equal(t, mustParse(t, string(tc.Output)), signalcast.MergeProducerConfigs(original, overrides), tc.Name)
		merged++
	}
	require.Equal(t, 5, merged)
}

func TestLastConfigurationThatSetsAValueDecides(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		layers []string
		want   string
	}{
		{"settings that are not given are inherited", []string{
			`{"e": {"t": {"event_key_field": "a", "enabled": false}}}`,
			`{"e": {"t": {"enabled": true}}}`,
			`{"e": {"t": {"event_key_field": null, "enabled": null}}}`,
		}, `{"e": {"t": {"event_key_field": "a", "enabled": true}}}`},
		{"keyless replaces an inherited key", []string{
			`{"e": {"t": {"event_key_field": "a", "enabled": true}}}`,
			`{"e": {"t": {"keyless": true}}}`,
		}, `{"e": {"t": {"keyless": true, "enabled": true}}}`},
		{"a key replaces an inherited keyless", []string{
			`{"e": {"t": {"keyless": true}}}`,
			`{"e": {"t": {"event_key_field": "a"}}}`,
		}, `{"e": {"t": {"event_key_field": "a"}}}`},
		{"event types and topics are added, also empty ones", []string{
			`{"e": {"t": {"enabled": true}}, "f": {}}`,
			`{"e": {"u": {}}, "g": {}}`,
		}, `{"e": {"t": {"enabled": true}, "u": {}}, "f": {}, "g": {}}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var layers []signalcast.ProducerConfig
			for _, text := range tc.layers {
				layers = append(layers, mustParse(t, text))
			}
			require.Equal(t, mustParse(t, tc.want), signalcast.MergeProducerConfigs(layers[0], layers[1:]...))
		})
	}
}

func TestMergeOfNothingIsEmptyAndNotNil(t *testing.T) {
	t.Parallel()
	require.Equal(t, signalcast.ProducerConfig{}, signalcast.MergeProducerConfigs(nil, nil))
	require.Equal(t, signalcast.ProducerConfig{"e": {}}, signalcast.MergeProducerConfigs(signalcast.ProducerConfig{"e": nil}))
	merged, _ := signalcast.MergeLayers()
	require.Equal(t, signalcast.ProducerConfig{}, merged)
}

// configFrom makes a configuration over few names, so that layers overlap. It
// eats up to 8 bytes.
func configFrom(choices *[]byte) signalcast.ProducerConfig {
	var config signalcast.ProducerConfig
	n := min(8, len(*choices))
	for _, b := range (*choices)[:n] {
		if config == nil {
			config = signalcast.ProducerConfig{}
		}
		eventType := fmt.Sprintf("e%d", b>>7)
		if config[eventType] == nil {
			config[eventType] = map[string]signalcast.TopicConfig{}
		}
		topic := fmt.Sprintf("t%d", b>>6&1)
		settings := config[eventType][topic]
		switch b & 7 {
		case 0:
			continue // an event type without this topic
		case 1:
			settings.EventKeyField = new("")
		case 2, 3:
			settings.EventKeyField = new(fmt.Sprintf("path%d", b>>3&7))
		case 4, 5:
			settings.Enabled = new(b>>3&1 == 1)
		case 6:
			settings.Keyless = new(b>>3&1 == 1)
		}
		config[eventType][topic] = settings
	}
	*choices = (*choices)[n:]
	return config
}

// mergeModel says setting by setting what a merge is.
func mergeModel(layers []signalcast.ProducerConfig) signalcast.ProducerConfig {
	want := signalcast.ProducerConfig{}
	for _, named := range layers {
		for eventType, topics := range named {
			if want[eventType] == nil {
				want[eventType] = map[string]signalcast.TopicConfig{}
			}
			for topic := range topics {
				var settings signalcast.TopicConfig
				for _, l := range layers {
					given := l[eventType][topic]
					if given.Enabled != nil {
						settings.Enabled = given.Enabled
					}
					if given.EventKeyField != nil || given.Keyless != nil {
						settings.EventKeyField, settings.Keyless = given.EventKeyField, given.Keyless
					}
				}
				want[eventType][topic] = settings
			}
		}
	}
	return want
}

// scribble changes everything that can be reached from a configuration.
func scribble(c signalcast.ProducerConfig) {
	for _, eventType := range slices.Collect(maps.Keys(c)) {
		for topic, settings := range c[eventType] {
			if settings.EventKeyField != nil {
				*settings.EventKeyField += "!"
			}
			if settings.Enabled != nil {
				*settings.Enabled = !*settings.Enabled
			}
			if settings.Keyless != nil {
				*settings.Keyless = !*settings.Keyless
			}
			delete(c[eventType], topic)
		}
		delete(c, eventType)
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0x01, 0x42, 0x84, 0xc6, 0x00, 0x80, 0x13, 0x5b, 0x0e, 0x0c, 0x4c, 0x8e, 0xff, 0xc2, 0x82, 0x42, 0x06, 0x04})
	f.Fuzz(func(t *testing.T, choices []byte) {
		layers := []signalcast.ProducerConfig{configFrom(&choices), configFrom(&choices), configFrom(&choices)}
		before, err := json.Marshal(layers)
		require.NoError(t, err)
		merge := signalcast.MergeProducerConfigs

		merged := merge(layers[0], layers[1:]...)
		require.Equal(t, mergeModel(layers), merged)
		require.Equal(t, merged, merge(merge(layers[0], layers[1]), layers[2]), "merging is associative")
		require.Equal(t, merged, merge(layers[0], merge(layers[1], layers[2])), "merging is associative")
		require.Equal(t, merged, merge(merged, merged), "merging a configuration with itself changes nothing")

		fromLayers, provenance := signalcast.MergeLayers(
			signalcast.Layer{Name: "0", Config: layers[0]},
			signalcast.Layer{Name: "1", Config: layers[1]},
			signalcast.Layer{Name: "2", Config: layers[2]},
		)
		require.Equal(t, merged, fromLayers)

		scribble(merged)
		scribble(fromLayers)
		after, err := json.Marshal(layers)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after), "the result shares memory with the inputs")

		want := mergeModel(layers)
		wantText, err := json.Marshal(want)
		require.NoError(t, err)
		for _, l := range layers {
			scribble(l)
		}
		require.NoError(t, json.Unmarshal(wantText, &want))
		for eventType, topics := range want {
			require.NotEmpty(t, provenance.Settings(eventType, "", ""))
			for topic, settings := range topics {
				require.NotEmpty(t, provenance.Settings(eventType, topic, ""))
				requireDecided(t, provenance.Settings(eventType, topic, "enabled"), settings.Enabled)
				if settings.EventKeyField == nil {
					requireDecided(t, provenance.Settings(eventType, topic, "event_key_field"), settings.Keyless)
				} else if settings.Keyless == nil {
					requireDecided(t, provenance.Settings(eventType, topic, "keyless"), settings.EventKeyField)
				}
			}
		}
	})
}

// requireDecided checks that the last setting has the value.
func requireDecided[T any](t *testing.T, settings []signalcast.Setting, value *T) {
	t.Helper()
	if value == nil {
		require.Empty(t, settings)
		return
	}
	require.NotEmpty(t, settings)
	require.Equal(t, fmt.Sprint(*value), settings[len(settings)-1].Value)
}

func ExampleMergeProducerConfigs() {
	base := signalcast.ProducerConfig{
		"org.example.user.created.v1": {
			"users": {EventKeyField: new("user.id"), Enabled: new(false)},
		},
	}
	site := signalcast.ProducerConfig{
		"org.example.user.created.v1": {
			"users": {Enabled: new(true)},
			"audit": {Keyless: new(true), Enabled: new(true)},
		},
	}
	text, _ := json.MarshalIndent(signalcast.MergeProducerConfigs(base, site), "", "  ")
	fmt.Println(string(text))
	// Output:
	// {
	//   "org.example.user.created.v1": {
	//     "audit": {
	//       "enabled": true,
	//       "keyless": true
	//     },
	//     "users": {
	//       "event_key_field": "user.id",
	//       "enabled": true
	//     }
	//   }
	// }
}
