package avro_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
)

// illegalNamespace is an event type with a hyphen, which Avro does not allow in a namespace.
const illegalNamespace = "org.openedx.enterprise.subsidy.redemption-reversed.v1"

// goldenFile is one file of testdata/golden/events, recorded from the reference.
type goldenFile struct {
	EventType string `json:"event_type"`
	Schema    string `json:"schema"`
	Samples   []struct {
		Name    string          `json:"name"`
		Data    json.RawMessage `json:"data"`
		AvroHex string          `json:"avro_hex"`
		Keys    []struct {
			Path    string          `json:"event_key_field"`
			Schema  string          `json:"schema"`
			AvroHex string          `json:"avro_hex"`
			Value   json.RawMessage `json:"value"`
			Error   string          `json:"error"`
		} `json:"keys"`
	} `json:"samples"`
}

func goldenFiles(tb testing.TB) []goldenFile {
	tb.Helper()
	names, err := filepath.Glob("../testdata/golden/events/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, names)
	files := make([]goldenFile, len(names))
	for i, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(tb, err)
		require.NoError(tb, json.Unmarshal(text, &files[i]), name)
	}
	return files
}

func TestDecodeReadsTheBytesOfTheReference(t *testing.T) {
	t.Parallel()
	for _, file := range goldenFiles(t) {
		t.Run(file.EventType, func(t *testing.T) {
			t.Parallel()
			for _, sample := range file.Samples {
				requireDecodes(t, string(sample.Data), file.Schema, sample.AvroHex)
				for _, key := range sample.Keys {
					if key.Error == "" {
						requireDecodes(t, string(key.Value), key.Schema, key.AvroHex)
					}
				}
			}
		})
	}
}

func requireDecodes(t *testing.T, want, schema, inHex string) {
	t.Helper()
	data, err := hex.DecodeString(inHex)
	require.NoError(t, err)
	decoded, err := avro.Decode(&signalcast.Schema{Text: schema}, data)
	require.NoError(t, err)
	text, err := json.Marshal(decoded)
	require.NoError(t, err)
	require.JSONEq(t, want, string(text))
}

func TestCheckRejectsOneSchemaOfTheReference(t *testing.T) {
	t.Parallel()
	for _, file := range goldenFiles(t) {
		err := avro.Check(&signalcast.Schema{Name: file.EventType + ".CloudEvent", Text: file.Schema})
		if file.EventType != illegalNamespace {
			require.NoError(t, err)
			continue
		}
		var fault *avro.InvalidSchemaError
		require.ErrorAs(t, err, &fault)
		require.Equal(t, file.EventType+".CloudEvent", fault.Name)
		require.ErrorContains(t, err, "redemption-reversed")
	}
}
