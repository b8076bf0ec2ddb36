package signalcast_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestConvertListConfigReadsTheOldForm(t *testing.T) {
	t.Parallel()
	got, err := signalcast.ConvertListConfig([]byte(`{
		"e": [
			{"topic": "t", "event_key_field": "user.id", "enabled": true},
			{"event_key_field": "user.id", "topic": "u", "enabled": false},
			{"topic": "t", "enabled": true, "event_key_field": "user.id"},
			{"topic": "v"}
		],
		"f": []
	}`))
	require.NoError(t, err)
	require.Equal(t, mustParse(t, `{
		"e": {
			"t": {"event_key_field": "user.id", "enabled": true},
			"u": {"event_key_field": "user.id", "enabled": false},
			"v": {}
		},
		"f": {}
	}`), got)
}

func TestConvertListConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{
			"a topic twice with different values",
			"{\"e\": [{\"topic\": \"t\", \"event_key_field\": \"a\", \"enabled\": true},\n{\"topic\": \"t\", \"event_key_field\": \"b\"}]}",
			[]string{`line 2, column 1: e → t: found event_key_field "b" and no enabled, ` +
				`but at line 1, column 8 event_key_field "a" and enabled true; want equal entries for a topic`},
		},
		{"no topic", `{"e": [{"enabled": true}, {}]}`, []string{
			`line 1, column 8: e → topic: missing; want the topic of the entry`,
			`line 1, column 27: e → topic: missing; want the topic of the entry`,
		}},
		{"a topic that is no name", `{"e": [{"topic": null}, {"topic": {}}, {"topic": ""}]}`, []string{
			`line 1, column 18: e → topic: found null; want a string`,
			`line 1, column 35: e → topic: found an object; want a string`,
			`line 1, column 50: e → topic: found an empty name; want at least one character`,
		}},
		{"unknown and repeated names, wrong types", `{"e": [{"topic": "t", "keyless": true, "topik": 1, "enabled": 1, "enabled": true}], "e": []}`, []string{
			`line 1, column 23: e → keyless: unknown field; want topic, event_key_field or enabled`,
			`line 1, column 40: e → topik: unknown field; want topic, event_key_field or enabled (did you mean "topic"?)`,
			`line 1, column 63: e → enabled: found a number; want true or false, or null to inherit`,
			`line 1, column 66: e → enabled: duplicate key; first set at line 1, column 52`,
			`line 1, column 85: e: duplicate key; first set at line 1, column 2`,
		}},
		{"the nested form", `{"e": {"t": {"enabled": true}}, "f": 1}`, []string{
			`line 1, column 7: e: found an object; want a list of topics (an object of topics needs no conversion)`,
			`line 1, column 38: f: found a number; want a list of topics`,
		}},
		{"entries that are no objects", `{"e": ["t", null]}`, []string{
			`line 1, column 8: e: found a string; want an object of settings`,
			`line 1, column 13: e: found null; want an object of settings`,
		}},
		{"text that ends early", `{"e": [{"topic": "t"`, []string{
			`line 1, column 21: found the end of the text; want a comma or the end of the object`,
		}},
		{"an entry that ends before it names its topic", `{"e": [{`, []string{
			`line 1, column 9: found the end of the text; want a name in double quotes`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			config, err := signalcast.ConvertListConfig([]byte(tc.text))
			require.Equal(t, tc.want, problemLines(t, err))
			require.Nil(t, config)
		})
	}
}

func FuzzConvertListConfig(f *testing.F) {
	for _, seed := range []string{
		`{"e": [{"topic": "t", "event_key_field": "a.b", "enabled": true}, {"topic": "t"}]}`,
		`{"e": {"t": {}}}`, `{"e": [null, {"topic": 1}, {"topic": ""`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := signalcast.ConvertListConfig(text)
		if err != nil {
			requireProblemsWithin(t, text, err)
			return
		}
		var list map[string][]struct {
			Topic         string  `json:"topic"`
			EventKeyField *string `json:"event_key_field"`
			Enabled       *bool   `json:"enabled"`
		}
		require.NoError(t, json.Unmarshal(text, &list))
		want := signalcast.ProducerConfig{}
		for eventType, entries := range list {
			want[eventType] = map[string]signalcast.TopicConfig{}
			for _, e := range entries {
				want[eventType][e.Topic] = signalcast.TopicConfig{EventKeyField: e.EventKeyField, Enabled: e.Enabled}
			}
		}
		require.Equal(t, want, config)
	})
}
