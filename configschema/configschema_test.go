package configschema_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configschema"
	"github.com/signalcast/signalcast/openedx"
)

type order struct {
	Number string   `avro:"number"`
	Buyer  buyer    `avro:"buyer"`
	Note   *string  `avro:"note"`
	Lines  []string `avro:"lines"`
}

type buyer struct {
	ID int64 `avro:"id"`
}

type nothing struct{}

func newRegistry(t *testing.T) *signalcast.Registry {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(
		signalcast.NewSignal[order]("org.example.order.placed.v1", signalcast.WithDoc("An order was placed.")),
		signalcast.NewSignal[nothing]("org.example.shop.closed.v1"),
	))
	return registry
}

// compile returns the validator of a registry's configurations.
func compile(t *testing.T, registry *signalcast.Registry) *jsonschema.Schema {
	t.Helper()
	text, err := configschema.JSONSchema(registry)
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("config.json", document))
	schema, err := compiler.Compile("config.json")
	require.NoError(t, err)
	require.Equal(t, 7, schema.DraftVersion)
	return schema
}

// isValidLayer reports whether the parser accepts a configuration, and whether it has no problem but
// settings that another layer can add.
func isValidLayer(t *testing.T, registry *signalcast.Registry, text string) bool {
	t.Helper()
	config, err := signalcast.ParseProducerConfig([]byte(text))
	if err != nil {
		return false
	}
	if err = config.Validate(registry); err == nil {
		return true
	}
	var invalid *signalcast.ValidationError
	require.ErrorAs(t, err, &invalid)
	for _, p := range invalid.Problems {
		if p.Code != signalcast.CodeMissing {
			return false
		}
	}
	return true
}

func TestSchemaAcceptsWhatTheParserAccepts(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	schema := compile(t, registry)
	for text, want := range map[string]bool{
		`{}`: true,
		`{"$schema": "./events.schema.json", "org.example.order.placed.v1": {"orders": {"event_key_field": "buyer.id", "enabled": true}}}`: true,
		`{"org.example.order.placed.v1": {"orders": {"keyless": true, "enabled": false, "mode": "outbox"}}}`:                               true,
		`{"org.example.order.placed.v1": {"orders": {"keyless": false, "event_key_field": "number"}}}`:                                     true,
		`{"org.example.order.placed.v1": {"orders": {"keyless": true, "event_key_field": null, "enabled": null, "mode": null}}}`:           true,
		`{"org.example.order.placed.v1": {"orders": {}}, "org.example.shop.closed.v1": {}}`:                                                true,

		`[]`:                                    false,
		`{"": {}}`:                              false,
		`{"$schema": 1}`:                        false,
		`{"org.example.order.payed.v1": {}}`:    false,
		`{"org.example.order.placed.v1": null}`: false,
		`{"org.example.order.placed.v1": [{"topic": "orders"}]}`:                                        false,
		`{"org.example.order.placed.v1": {"": {"enabled": true}}}`:                                      false,
		`{"org.example.order.placed.v1": {"orders": null}}`:                                             false,
		`{"org.example.order.placed.v1": {"orders": {"enabeld": true}}}`:                                false,
		`{"org.example.order.placed.v1": {"orders": {"enabled": "yes"}}}`:                               false,
		`{"org.example.order.placed.v1": {"orders": {"event_key_field": "note"}}}`:                      false,
		`{"org.example.order.placed.v1": {"orders": {"event_key_field": ""}}}`:                          false,
		`{"org.example.shop.closed.v1": {"orders": {"event_key_field": "number"}}}`:                     false,
		`{"org.example.order.placed.v1": {"orders": {"keyless": true, "event_key_field": "buyer.id"}}}`: false,
		`{"org.example.order.placed.v1": {"orders": {"mode": "later"}}}`:                                false,
	} {
		require.Equal(t, want, isValidLayer(t, registry, text), "parser: %s", text)
		require.Equal(t, want, accepts(t, schema, text), "schema: %s", text)
	}
}

func accepts(t *testing.T, schema *jsonschema.Schema, text string) bool {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	err = schema.Validate(document)
	invalid := &jsonschema.ValidationError{}
	require.True(t, err == nil || errors.As(err, &invalid), err)
	return err == nil
}

func TestSchemaAgreesWithTheParserOnGeneratedConfigurations(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	schema := compile(t, registry)
	random := rand.New(rand.NewPCG(1, 2))
	verdicts := map[bool]int{}
	for range 20_000 {
		text, err := json.Marshal(generate(random, 3))
		require.NoError(t, err)
		want := isValidLayer(t, registry, string(text))
		require.Equal(t, want, accepts(t, schema, string(text)), "%s", text)
		verdicts[want]++
	}
	require.Greater(t, verdicts[true], 2000)
	require.Greater(t, verdicts[false], 2000)
}

// generate returns a configuration, or one of its parts. Most of them are valid.
func generate(random *rand.Rand, depth int) any {
	pick := func(values ...any) any { return values[random.IntN(len(values))] }
	if random.IntN(25) == 0 {
		return pick(nil, true, 1.5, "text", []any{}, map[string]any{})
	}
	names := [][]any{
		{"event_key_field", "enabled", "keyless", "mode"},
		{"orders", "audit"},
		{"org.example.order.placed.v1", "org.example.shop.closed.v1"},
	}[depth-1]
	part := map[string]any{}
	for range random.IntN(4) {
		name := pick(names...).(string)
		if random.IntN(25) == 0 {
			name = pick("", "other", "$schema").(string)
		}
		switch {
		case depth > 1:
			part[name] = generate(random, depth-1)
		case name == "event_key_field":
			part[name] = pick("number", "buyer.id", "buyer.id", nil, "note", true)
		case name == "mode":
			part[name] = pick("immediate", "on-commit", "outbox", nil, "", "later")
		default:
			part[name] = pick(true, false, true, false, nil, "true")
		}
	}
	return part
}

func TestSchemaListsTheKeyPathsAndDocsOfEachEventType(t *testing.T) {
	t.Parallel()
	text, err := configschema.JSONSchema(newRegistry(t))
	require.NoError(t, err)
	var schema struct {
		Properties map[string]struct {
			Description          string
			AdditionalProperties struct {
				Properties map[string]struct{ Enum []any }
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	placed := schema.Properties["org.example.order.placed.v1"]
	require.Equal(t, "An order was placed.", placed.Description)
	require.Equal(t, []any{"number", "buyer.id", nil}, placed.AdditionalProperties.Properties["event_key_field"].Enum)
}

func TestDefaultConfigurationOfOpenEdXIsValid(t *testing.T) {
	t.Parallel()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(openedx.Signals()...))
	text, err := json.Marshal(openedx.DefaultConfig())
	require.NoError(t, err)
	require.True(t, accepts(t, compile(t, registry), string(text)))
}
