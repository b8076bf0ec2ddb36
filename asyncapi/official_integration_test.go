//go:build integration

package asyncapi_test

import (
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/asyncapi"
	"github.com/signalcast/signalcast/openedx"
)

func TestDocumentsAreValidByTheSchemaOfAsyncAPI(t *testing.T) {
	t.Parallel()
	file := os.Getenv("SIGNALCAST_TEST_ASYNCAPI")
	require.NotEmpty(t, file, "found SIGNALCAST_TEST_ASYNCAPI unset; run test/run_integration.sh")
	schema, err := jsonschema.NewCompiler().Compile(file)
	require.NoError(t, err)
	validate := func(text string) error {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		require.NoError(t, err)
		return schema.Validate(document)
	}

	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(openedx.Signals()...))
	config := signalcast.ProducerConfig{}
	for _, d := range registry.Definitions() {
		config[d.EventType()] = map[string]signalcast.TopicConfig{"keyless": {Keyless: new(true), Enabled: new(true)}}
		for _, path := range registry.KeyPaths(d.EventType()) {
			config[d.EventType()]["by "+path] = signalcast.TopicConfig{EventKeyField: &path, Enabled: new(true)}
		}
	}
	require.Len(t, config, 73)
	for name, codec := range map[string]signalcast.Codec{"Avro": signalcast.Avro(), "JSON": signalcast.JSON()} {
		text, err := asyncapi.Document(registry, routes(t, registry, config, signalcast.WithCodec(codec)), asyncapi.Options{})
		require.NoError(t, err)
		require.NoError(t, validate(string(text)), name)
		require.Error(t, validate(strings.Replace(string(text), `"bindingVersion": "0.5.0"`, `"bindingVersion": "7"`, 1)), "bindings are checked")
		if name == "Avro" {
			require.Error(t, validate(strings.Replace(string(text), `"type": "long"`, `"type": 7`, 1)), "payloads are checked")
		}
	}
}
