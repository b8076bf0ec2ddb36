package signalcast_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestParseProducerConfigReadsTheNestedForm(t *testing.T) {
	t.Parallel()
	got := mustParse(t, `{
		"org.example.a.v1": {
			"first":  {"event_key_field": "user.id", "enabled": true},
			"second": {"keyless": true, "enabled": false},
			"third":  {"event_key_field": null, "enabled": null, "keyless": null, "mode": null},
			"fourth": {"mode": "outbox"}
		},
		"org.example.b.v1": {}
	}`)
	require.Equal(t, signalcast.ProducerConfig{
		"org.example.a.v1": {
			"first":  {EventKeyField: new("user.id"), Enabled: new(true)},
			"second": {Keyless: new(true), Enabled: new(false)},
			"third":  {},
			"fourth": {Mode: new(signalcast.ModeOutbox)},
		},
		"org.example.b.v1": {},
	}, got)
}

func TestParseProducerConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"an unknown setting, with the nearest one", `{"e": {"t": {"enabeld": true}}}`, []string{
			`line 1, column 14: e → t → enabeld: unknown field; want event_key_field, enabled, keyless or mode (did you mean "enabled"?)`,
		}},
		{"an unknown setting like no other", `{"e": {"t": {"partitions": {"a": [1, {}]}, "enabled": true}}}`, []string{
			`line 1, column 14: e → t → partitions: unknown field; want event_key_field, enabled, keyless or mode`,
		}},
		{"wrong types of settings", `{"e": {"t": {"enabled": "yes", "event_key_field": 1.5, "keyless": []}}}`, []string{
			`line 1, column 25: e → t → enabled: found a string; want true or false, or null to inherit`,
			`line 1, column 51: e → t → event_key_field: found a number; want a string, or null to inherit`,
			`line 1, column 67: e → t → keyless: found a list; want true or false, or null to inherit`,
		}},
		{"names given twice at every level, over several lines", "{\"e\": {\"t\": {\"enabled\": true,\n\"enabled\": true},\n\"t\": {}},\n\"e\": {}}", []string{
			`line 2, column 1: e → t → enabled: duplicate key; first set at line 1, column 14`,
			`line 3, column 1: e → t: duplicate key; first set at line 1, column 8`,
			`line 4, column 1: e: duplicate key; first set at line 1, column 2`,
		}},
		{"names that are equal once decoded", `{"e": {}, "\u0065": {}}`, []string{
			`line 1, column 11: e: duplicate key; first set at line 1, column 2`,
		}},
		{"null in place of objects", `{"a": null, "b": {"t": null}}`, []string{
			`line 1, column 7: a: found null; want an object of topics`,
			`line 1, column 24: b → t: found null; want an object of settings`,
		}},
		{"null as a whole", `null`, []string{`line 1, column 1: found null; want an object of event types`}},
		{"a list as a whole", `[{"enabled": true}]`, []string{`line 1, column 1: found a list; want an object of event types`}},
		{"the old list form", `{"e": [{"topic": "t", "enabled": true}]}`, []string{
			`line 1, column 7: e: found a list; want an object of topics (signalcast convert reads the old form with a list)`,
		}},
		{"empty names", `{"": {"t": {}}, "e": {"": {}, "t": {"": 1}}}`, []string{
			`line 1, column 2: found an empty name; want at least one character`,
			`line 1, column 23: e: found an empty name; want at least one character`,
			`line 1, column 37: e → t: found an empty name; want at least one character`,
		}},
		{"text that is not Unicode", "{\"e\xff\": {\"t\": {\"event_key_field\": \"\\ud800\"}}}", []string{
			`line 1, column 2: "e\xff": found invalid UTF-8; want Unicode text`,
			`line 1, column 34: "e\xff" → t → event_key_field: found half of a surrogate pair; want Unicode text`,
		}},
		{"faults before a syntax error", `{"e": {"t": {"enabled": 1, "x": 2,}}}`, []string{
			`line 1, column 25: e → t → enabled: found a number; want true or false, or null to inherit`,
			`line 1, column 28: e → t → x: unknown field; want event_key_field, enabled, keyless or mode`,
			`line 1, column 35: found character '}'; want a name in double quotes`,
		}},
		{"text that ends early", `{"e": {"t": {"enabled":`, []string{
			`line 1, column 24: found the end of the text; want a JSON value`,
		}},
		{"nothing at all", ``, []string{`line 1, column 1: found the end of the text; want a JSON value`}},
		{"trailing data", "{}\n{}", []string{`line 2, column 1: found character '{'; want nothing after the outermost value`}},
		{"unusual names are quoted and long ones cut", `{"a b": 1, "` + strings.Repeat("x", 100) + `": 2}`, []string{
			`line 1, column 9: "a b": found a number; want an object of topics`,
			`line 1, column 116: "` + strings.Repeat("x", 80) + `…": found a number; want an object of topics`,
		}},
		{"too large a text", strings.Repeat(" ", signalcast.MaxConfigBytes) + "{}", []string{
			`found a text of 16777218 bytes; want at most 16777216`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			config, err := signalcast.ParseProducerConfig([]byte(tc.text))
			require.Equal(t, tc.want, problemLines(t, err))
			require.Nil(t, config)
		})
	}
}

func TestDeepNestingIsAFault(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000)
	_, err := signalcast.ParseProducerConfig([]byte(`{"e": {"t": {"enabled": ` + deep + `, "keyless": 1}}}`))
	require.Len(t, problemLines(t, err), 2)
}

func TestJSONEncodingRoundTrips(t *testing.T) {
	t.Parallel()
	config := signalcast.ProducerConfig{
		"org.example.a.v1": {
			"<first> & \u2028": {EventKeyField: new(""), Enabled: new(false), Keyless: new(false)},
			"second":           {},
		},
		"org.example.b.v1": {},
	}
	text, err := json.Marshal(config)
	require.NoError(t, err)
	var back signalcast.ProducerConfig
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, config, back)

	text, err = json.Marshal(struct{ A, B signalcast.ProducerConfig }{nil, signalcast.ProducerConfig{"e": nil}})
	require.NoError(t, err)
	require.JSONEq(t, `{"A": {}, "B": {"e": {}}}`, string(text))
}

func TestUnmarshalJSONIsStrictAndChangesNothingOnAnError(t *testing.T) {
	t.Parallel()
	config := mustParse(t, `{"e": {"t": {"enabled": true}}}`)
	err := json.Unmarshal([]byte(`{"e": {"t": {"enabled": false, "x": 1}}}`), &config)
	require.Equal(t, []string{`line 1, column 32: e → t → x: unknown field; want event_key_field, enabled, keyless or mode`}, problemLines(t, err))
	require.Equal(t, mustParse(t, `{"e": {"t": {"enabled": true}}}`), config)

	require.NoError(t, json.Unmarshal([]byte(`{"f": {}}`), &config))
	require.Equal(t, mustParse(t, `{"f": {}}`), config)
}

func FuzzParseProducerConfig(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `{"e": {"t": {"event_key_field": "a.b", "enabled": true, "keyless": null}}}`,
		`{"e": [{"topic": "t"}]}`, `{"e": {"t": {"enabled": 1,}}}`, "{\"e\": {},\n\"e\": {\"\": {}, \"\xff\": {\"\\ud800\": 1}}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		config, err := signalcast.ParseProducerConfig(text)
		if err != nil {
			requireProblemsWithin(t, text, err)
			return
		}
		again, err := json.Marshal(config)
		require.NoError(t, err)
		require.Equal(t, config, mustParse(t, string(again)))
	})
}

// requireProblemsWithin checks that every problem points into the text.
func requireProblemsWithin(t *testing.T, text []byte, err error) {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	require.NotEmpty(t, problemLines(t, err))
	var invalid *signalcast.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, p := range invalid.Problems {
		require.Positive(t, p.Line)
		require.Positive(t, p.Column)
		require.LessOrEqual(t, p.Line, len(lines))
		require.LessOrEqual(t, p.Column, len([]rune(lines[p.Line-1]))+1)
		require.NotContains(t, p.String(), "\n")
		require.NotEmpty(t, p.Found)
		require.NotEmpty(t, p.Code)
	}
}

func TestSchemaMemberIsIgnored(t *testing.T) {
	t.Parallel()
	c, err := signalcast.ParseProducerConfig([]byte(`{"$schema": "https://example.org/s.json", "org.example.a.v1": {}}`))
	require.NoError(t, err)
	require.Equal(t, signalcast.ProducerConfig{"org.example.a.v1": {}}, c)
	_, err = signalcast.ParseProducerConfig([]byte(`{"$schema": {"a": 1}}`))
	require.ErrorContains(t, err, `line 1, column 13: "$schema": found an object; want the address of a JSON schema`)

	c, err = signalcast.DecodeProducerConfig(map[string]any{"$schema": "https://example.org/s.json", "org.example.a.v1": map[string]any{}})
	require.NoError(t, err)
	require.Equal(t, signalcast.ProducerConfig{"org.example.a.v1": {}}, c)
	_, err = signalcast.DecodeProducerConfig(map[string]any{"$schema": 1})
	require.ErrorContains(t, err, `"$schema": found a number; want the address of a JSON schema`)
}
