package signalcast_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func mustParseLayer(t *testing.T, name, text string) signalcast.Layer {
	t.Helper()
	layer, err := signalcast.ParseLayer(name, []byte(text))
	require.NoError(t, err)
	return layer
}

func TestSettingsAreInLayerOrder(t *testing.T) {
	t.Parallel()
	merged, provenance := signalcast.MergeLayers(
		mustParseLayer(t, "base.json", "{\"e\": {\n  \"t\": {\"event_key_field\": \"a.b\", \"enabled\": false}}}"),
		mustParseLayer(t, "site.json", "{\"e\": {\"t\": {\n\"keyless\": true,\n\"enabled\": null}}}"),
		signalcast.Layer{Name: "code", Config: signalcast.ProducerConfig{"e": {"t": {Enabled: new(true)}, "u": {}}, "f": nil}},
	)
	require.Equal(t, mustParse(t, `{"e": {"t": {"keyless": true, "enabled": true}, "u": {}}, "f": {}}`), merged)

	key := []signalcast.Setting{
		{Layer: "base.json", Position: signalcast.Position{Line: 2, Column: 9}, Field: "event_key_field", Value: "a.b"},
		{Layer: "site.json", Position: signalcast.Position{Line: 2, Column: 1}, Field: "keyless", Value: "true"},
	}
	require.Equal(t, key, provenance.Settings("e", "t", "event_key_field"))
	require.Equal(t, key, provenance.Settings("e", "t", "keyless"))
	require.Equal(t, []signalcast.Setting{
		{Layer: "base.json", Position: signalcast.Position{Line: 2, Column: 35}, Field: "enabled", Value: "false"},
		{Layer: "code", Field: "enabled", Value: "true"},
	}, provenance.Settings("e", "t", "enabled"))
	require.Equal(t, []signalcast.Setting{
		{Layer: "base.json", Position: signalcast.Position{Line: 2, Column: 3}},
		{Layer: "site.json", Position: signalcast.Position{Line: 1, Column: 8}},
		{Layer: "code"},
	}, provenance.Settings("e", "t", ""))
	require.Equal(t, []signalcast.Setting{{Layer: "code"}}, provenance.Settings("f", "", ""))
	for _, nowhere := range []signalcast.ConfigPath{{EventType: "x"}, {EventType: "e", Topic: "x"}, {EventType: "e", Topic: "u", Field: "enabled"}, {EventType: "e", Topic: "t", Field: "x"}} {
		require.Empty(t, provenance.Settings(nowhere.EventType, nowhere.Topic, nowhere.Field))
	}
}

func TestLocateNamesTheLayerThatSetTheValue(t *testing.T) {
	t.Parallel()
	merged, provenance := signalcast.MergeLayers(
		mustParseLayer(t, "base.json", `{"`+courseChanged+`": {"t": {"event_key_field": "course_key", "enabled": true}}}`),
		mustParseLayer(t, "site.json", "{\"org.example.nope.v1\": {}, \""+courseChanged+"\": {\n\"t\": {\"event_key_field\": \"\"},\n\"u\": {\"event_key_field\": \"course_key\"}}}"),
		mustParseLayer(t, "last.json", "{\"org.example.nope.v1\": {}, \""+courseChanged+"\": {\"t\": {}, \"u\": {}}}"),
	)
	err := merged.Validate(configRegistry(t))
	unlocated := problemLines(t, err)
	require.Equal(t, []string{
		`site.json:1:2: org.example.nope.v1: unknown event type; want a registered one`,
		`site.json:2:7: org.example.course.changed.v1 → t → event_key_field: found an empty path; want a key path, or keyless: true for events without a key`,
		`site.json:3:1: org.example.course.changed.v1 → u → enabled: missing; want true or false`,
	}, problemLines(t, provenance.Locate(err)))
	require.Equal(t, unlocated, problemLines(t, err), "the error given is unchanged")

	_, err = signalcast.ParseLayer("other.json", []byte(`{"org.example.nope.v1": 1}`))
	require.Equal(t, err, provenance.Locate(err), "problems with a source keep it")
}

func TestProvenanceSharesNoMemoryWithLayers(t *testing.T) {
	t.Parallel()
	layer := mustParseLayer(t, "a.json", `{"e": {"t": {"enabled": true}}}`)
	_, provenance := signalcast.MergeLayers(layer)
	before := provenance.Settings("e", "t", "enabled")
	clear(layer.Positions)
	scribble(layer.Config)
	require.Equal(t, before, provenance.Settings("e", "t", "enabled"))
}

func TestLocateReachesIntoWrappedErrors(t *testing.T) {
	t.Parallel()
	merged, provenance := signalcast.MergeLayers(mustParseLayer(t, "a.json", `{"org.example.nope.v1": {}}`))
	other := errors.New("another fault")
	located := provenance.Locate(fmt.Errorf("reload: %w", errors.Join(merged.Validate(configRegistry(t)), other)))
	require.EqualError(t, located,
		"a.json:1:2: org.example.nope.v1: unknown event type; want a registered one\nanother fault")
	require.ErrorIs(t, located, other)
	require.Equal(t,
		[]string{"a.json:1:2: org.example.nope.v1: unknown event type; want a registered one"},
		problemLines(t, located))
}

func TestLocateReturnsOtherErrorsUnchanged(t *testing.T) {
	t.Parallel()
	_, provenance := signalcast.MergeLayers()
	other := errors.New("another fault")
	require.Equal(t, other, provenance.Locate(other))
	require.NoError(t, provenance.Locate(nil))
	nowhere := signalcast.ProducerConfig{}.Validate(nil)
	require.Equal(t, nowhere, provenance.Locate(nowhere), "a problem that is at no place stays there")

	var unknown *signalcast.Provenance
	invalid := signalcast.ProducerConfig{}.Validate(nil)
	require.Equal(t, invalid, unknown.Locate(invalid))
	require.Empty(t, unknown.Settings("e", "t", "enabled"))
}

func ExampleMergeLayers() {
	base, err := signalcast.ParseLayer("base.json", []byte(`{
		"org.example.user.created.v1": {
			"users": {"event_key_field": "user.id", "enabled": false}
		}
	}`))
	if err != nil {
		fmt.Println(err)
	}
	site, err := signalcast.ParseLayer("site.json", []byte(`{
		"org.example.user.created.v1": {"users": {"enabled": true}}
	}`))
	if err != nil {
		fmt.Println(err)
	}
	merged, provenance := signalcast.MergeLayers(base, site)
	fmt.Println("enabled:", *merged["org.example.user.created.v1"]["users"].Enabled)
	for _, o := range provenance.Settings("org.example.user.created.v1", "users", "enabled") {
		fmt.Printf("%s, line %d: %s %s\n", o.Layer, o.Line, o.Field, o.Value)
	}
	// Output:
	// enabled: true
	// base.json, line 3: enabled false
	// site.json, line 2: enabled true
}
