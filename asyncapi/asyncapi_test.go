package asyncapi_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/asyncapi"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

type order struct {
	Number string  `avro:"number"`
	Buyer  int64   `avro:"buyer"`
	Total  float64 `avro:"total"`
	Paid   bool    `avro:"paid"`
	Seal   []byte  `avro:"seal"`
}

const (
	placed   = "org.example.order.placed.v1"
	reversed = "org.example.order.placed-reversed.v1"
)

func newRegistry(t *testing.T) *signalcast.Registry {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(
		signalcast.NewSignal[order](placed, signalcast.WithDoc("An order was placed.")),
		signalcast.NewSignal[order](reversed),
	))
	return registry
}

// routes returns the routes of a configuration.
func routes(t *testing.T, r *signalcast.Registry, c signalcast.ProducerConfig, opts ...signalcast.DispatcherOption) []signalcast.Route {
	t.Helper()
	d, err := signalcast.NewDispatcher(t.Context(), r, c, memory.New(), opts...)
	require.NoError(t, err)
	require.NoError(t, d.Close(t.Context()))
	return d.Routes()
}

type document struct {
	AsyncAPI string
	Info     struct{ Title, Version string }
	Channels map[string]struct {
		Address  string
		Messages map[string]message
		Bindings struct {
			Kafka struct{ Topic, BindingVersion string }
		}
	}
	Operations map[string]struct {
		Action  string
		Channel map[string]string
	}
	Components struct {
		Schemas struct {
			Headers struct {
				Required   []string
				Properties map[string]any
			}
		}
	}
}

type message struct {
	Name, Summary, ContentType string
	Payload                    *struct {
		SchemaFormat string
		Schema       json.RawMessage
	}
	Headers  any
	Bindings struct{ Kafka map[string]any }
}

func parse(t *testing.T, r *signalcast.Registry, routes []signalcast.Route, o asyncapi.Options) document {
	t.Helper()
	text, err := asyncapi.Document(r, routes, o)
	require.NoError(t, err)
	var d document
	require.NoError(t, json.Unmarshal(text, &d))
	return d
}

func TestDocumentHasAChannelForEachTopic(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	all := routes(t, registry, signalcast.ProducerConfig{
		placed: {
			"orders": {EventKeyField: new("number"), Enabled: new(true)},
			"audit":  {Keyless: new(true), Enabled: new(true)},
			"off":    {Keyless: new(true), Enabled: new(false)},
		},
		reversed: {"orders": {EventKeyField: new("buyer"), Enabled: new(true)}},
	}, signalcast.WithTopicPrefix("prod"))
	d := parse(t, registry, all, asyncapi.Options{Title: "Shop", Version: "1.4.0"})
	require.Equal(t, "3.0.0", d.AsyncAPI)
	require.Equal(t, "Shop", d.Info.Title)
	require.Equal(t, "1.4.0", d.Info.Version)
	require.Len(t, d.Channels, 2)
	require.Len(t, d.Operations, 2)
	require.Equal(t, "send", d.Operations["send prod-audit"].Action)

	orders := d.Channels["prod-orders"]
	require.Equal(t, "prod-orders", orders.Address)
	require.Equal(t, "prod-orders", orders.Bindings.Kafka.Topic)
	require.Len(t, orders.Messages, 2)
	m := orders.Messages[placed]
	require.Equal(t, placed, m.Name)
	require.Equal(t, "An order was placed.", m.Summary)
	require.Equal(t, "application/avro", m.ContentType)
	require.Equal(t, "application/vnd.apache.avro;version=1.9.0", m.Payload.SchemaFormat)
	require.JSONEq(t, all[len(all)-1].ValueSchema.Text, string(m.Payload.Schema))
	require.Equal(t, map[string]any{
		"key":              map[string]any{"type": "string", "description": "The event key: number"},
		"schemaIdLocation": "payload", "schemaIdPayloadEncoding": "confluent", "schemaLookupStrategy": "TopicRecordNameStrategy",
		"bindingVersion": "0.5.0",
	}, m.Bindings.Kafka)
	require.Equal(t, map[string]any{"type": "integer", "format": "int64", "description": "The event key: buyer"},
		orders.Messages[reversed].Bindings.Kafka["key"])
	require.NotContains(t, d.Channels["prod-audit"].Messages[placed].Bindings.Kafka, "key")

	require.NotContains(t, string(orders.Messages[reversed].Payload.Schema), `"namespace"`, "AsyncAPI does not permit a hyphen")

	require.Len(t, parse(t, registry, all, asyncapi.Options{IncludeDisabled: true}).Channels, 3)
	require.Equal(t, "Events", parse(t, registry, nil, asyncapi.Options{}).Info.Title)
}

func TestKeysHaveTheTypeOfTheirField(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	for path, want := range map[string][2]any{
		"number": {"string", nil}, "buyer": {"integer", "int64"}, "total": {"number", "double"}, "paid": {"boolean", nil}, "seal": {"string", "binary"},
	} {
		all := routes(t, registry, signalcast.ProducerConfig{placed: {"t": {EventKeyField: &path, Enabled: new(true)}}})
		key := parse(t, registry, all, asyncapi.Options{}).Channels["t"].Messages[placed].Bindings.Kafka["key"].(map[string]any)
		require.Equal(t, want, [2]any{key["type"], key["format"]}, path)
	}
}

func TestHeadersAreThoseOfAKafkaRecord(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	all := routes(t, registry, signalcast.ProducerConfig{placed: {"t": {Keyless: new(true), Enabled: new(true)}}})
	d := parse(t, registry, all, asyncapi.Options{})
	names := []string{}
	for _, attribute := range kafkabus.Attributes() {
		names = append(names, attribute.Header)
	}
	headers := d.Components.Schemas.Headers
	require.Equal(t, names, headers.Required)
	require.Len(t, headers.Properties, len(names))
	require.Equal(t, map[string]any{
		"type":  "object",
		"allOf": []any{map[string]any{"$ref": "#/components/schemas/headers"}},
		"properties": map[string]any{
			"ce_type":            map[string]any{"const": placed},
			"content-type":       map[string]any{"const": "application/avro"},
			"ce_datacontenttype": map[string]any{"const": "application/avro"},
		},
	}, d.Channels["t"].Messages[placed].Headers)
}

func TestOtherCodecsHaveNoPayloadSchema(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	config := signalcast.ProducerConfig{placed: {"t": {EventKeyField: new("buyer"), Enabled: new(true)}}}
	m := parse(t, registry, routes(t, registry, config, signalcast.WithCodec(signalcast.JSON())), asyncapi.Options{}).Channels["t"].Messages[placed]
	require.Equal(t, "application/json", m.ContentType)
	require.Nil(t, m.Payload)
	require.Equal(t, map[string]any{"key": map[string]any{"description": "The event key: buyer"}, "bindingVersion": "0.5.0"}, m.Bindings.Kafka)

	broken := []signalcast.Route{{EventType: placed, Topic: "t", Enabled: true, ContentType: "application/avro", ValueSchema: &signalcast.Schema{Text: "{"}}}
	_, err := asyncapi.Document(registry, broken, asyncapi.Options{})
	require.ErrorContains(t, err, `schema of "org.example.order.placed.v1": found a text that is not a JSON object; want an Avro record: `)
}

func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	odd := "a/b~c d%e#ü"
	all := routes(t, registry, signalcast.ProducerConfig{placed: {odd: {Keyless: new(true), Enabled: new(true)}}})
	text, err := asyncapi.Document(registry, all, asyncapi.Options{})
	require.NoError(t, err)
	var root any
	require.NoError(t, json.Unmarshal(text, &root))
	resolved := 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			if target, ok := v["$ref"].(string); ok {
				require.NotNil(t, resolve(t, root, target), target)
				resolved++
			}
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(root)
	require.Equal(t, 2, resolved)
}

// resolve returns the place that a reference points to, or nil.
func resolve(t *testing.T, root any, reference string) any {
	t.Helper()
	parsed, err := url.Parse(reference)
	require.NoError(t, err)
	for name := range strings.SplitSeq(strings.TrimPrefix(parsed.Fragment, "/"), "/") {
		root = root.(map[string]any)[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return root
}
