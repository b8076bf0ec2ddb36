package signalcast_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestDecodeProducerConfigReadsTreesOfEveryDecoder(t *testing.T) {
	t.Parallel()
	want := mustParse(t, `{"e": {"t": {"event_key_field": "user.id", "enabled": true}, "u": {"keyless": null}}, "f": {}}`)
	for name, tree := range map[string]map[string]any{
		"string keys": {
			"e": map[string]any{
				"t": map[string]any{"event_key_field": "user.id", "enabled": true},
				"u": map[string]any{"keyless": nil},
			},
			"f": map[string]any(nil),
		},
		"keys of any type": {
			"e": map[any]any{
				"t": map[any]any{"event_key_field": "user.id", "enabled": true},
				"u": map[any]any{"keyless": nil},
			},
			"f": map[any]any{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := signalcast.DecodeProducerConfig(tree)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
	empty, err := signalcast.DecodeProducerConfig(nil)
	require.NoError(t, err)
	require.Equal(t, signalcast.ProducerConfig{}, empty)
}

func TestDecodeProducerConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	config, err := signalcast.DecodeProducerConfig(map[string]any{
		"a": nil,
		"b": []any{map[string]any{"topic": "t"}},
		"c": map[any]any{
			1:    map[string]any{},
			"t1": "user.id",
			"t2": map[string]any{"enabled": "yes", "event_key_field": 7, "keyless": time.Time{}, "enabeld": true},
			"t3": map[string]any{"enabled": 1.5, "event_key_field": "\xff", "": true},
			"":   map[string]any{},
		},
		"d\xff": map[string]any{"t": map[string]any{"enabled": []any{}, "keyless": map[string]any{}}},
	})
	require.Nil(t, config)
	require.Equal(t, []string{
		`a: found null; want an object of topics`,
		`b: found a list; want an object of topics (signalcast convert reads the old form with a list)`,
		`c: found a number as a name; want a string`,
		`c: found an empty name; want at least one character`,
		`c → t1: found a string; want an object of settings`,
		`c → t2 → enabeld: unknown field; want event_key_field, enabled, keyless or mode (did you mean "enabled"?)`,
		`c → t2 → enabled: found a string; want true or false, or null to inherit`,
		`c → t2 → event_key_field: found a number; want a string, or null to inherit`,
		`c → t2 → keyless: found a date or time; want true or false, or null to inherit`,
		`c → t3: found an empty name; want at least one character`,
		`c → t3 → enabled: found a number; want true or false, or null to inherit`,
		`c → t3 → event_key_field: found invalid UTF-8; want Unicode text`,
		`"d\xff": found invalid UTF-8; want Unicode text`,
		`"d\xff" → t → enabled: found a list; want true or false, or null to inherit`,
		`"d\xff" → t → keyless: found an object; want true or false, or null to inherit`,
	}, problemLines(t, err))
}
