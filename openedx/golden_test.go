package openedx_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/internal/shape"
)

// goldenEvents is a file of testdata/golden/events.
type goldenEvents struct {
	EventType string `json:"event_type"`
	Schema    string
	Samples   []struct {
		Name     string
		Data     json.RawMessage
		Metadata signalcast.Metadata
		AvroHex  string `json:"avro_hex"`
		Keys     []goldenKey
	}
}

// goldenKey is the key that the reference encoded for a key path, or its error.
type goldenKey struct {
	EventKeyField string `json:"event_key_field"`
	Schema        string
	AvroHex       *string `json:"avro_hex"`
	Error         string
}

func newDispatcher(tb testing.TB, r *signalcast.Registry, c signalcast.ProducerConfig) *signalcast.Dispatcher {
	tb.Helper()
	d, err := signalcast.NewDispatcher(tb.Context(), r, c, memory.New())
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, d.Close(context.WithoutCancel(tb.Context()))) })
	return d
}

// forEach runs test for every file of a directory of the golden data.
func forEach(t *testing.T, dir string, test func(t *testing.T, file, eventType string)) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("..", "testdata", "golden", dir))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(entries), 33)
	for _, entry := range entries {
		eventType := strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name()))
		t.Run(eventType, func(t *testing.T) {
			t.Parallel()
			test(t, entry.Name(), eventType)
		})
	}
}

func TestSchemaTextsEqualTheReference(t *testing.T) {
	t.Parallel()
	forEach(t, "schemas", func(t *testing.T, file, eventType string) {
		t.Helper()
		want, err := os.ReadFile(filepath.Join("..", "testdata", "golden", "schemas", file))
		require.NoError(t, err)
		d := newDispatcher(t, newRegistry(t), signalcast.ProducerConfig{
			eventType: {"topic": {Keyless: new(true), Enabled: new(false)}},
		})
		require.Equal(t, string(want), d.Routes()[0].ValueSchema.Text)
	})
}

func TestEventDataBytesEqualTheReference(t *testing.T) {
	t.Parallel()
	forEach(t, "events", func(t *testing.T, file, eventType string) {
		t.Helper()
		var golden goldenEvents
		readJSON(t, &golden, "events", file)
		require.Equal(t, eventType, golden.EventType)
		require.Len(t, golden.Samples, 5)
		d := newDispatcher(t, newRegistry(t), signalcast.ProducerConfig{
			eventType: {"topic": {Keyless: new(true), Enabled: new(true)}},
		})
		for _, sample := range golden.Samples {
			messages, err := d.Plan(eventType, sample.Data, signalcast.WithMetadata(sample.Metadata))
			require.NoError(t, err, sample.Name)
			require.Len(t, messages, 1)
			require.Equal(t, sample.AvroHex, hex.EncodeToString(messages[0].Event.Value), sample.Name)
			require.Equal(t, sample.Metadata, messages[0].Event.Metadata, sample.Name)
		}
	})
}

func TestDecodeReadsTheBytesOfTheReference(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	forEach(t, "events", func(t *testing.T, file, eventType string) {
		t.Helper()
		var golden goldenEvents
		readJSON(t, &golden, "events", file)
		i := slices.IndexFunc(registry.Definitions(), func(d signalcast.Definition) bool { return d.EventType() == eventType })
		goType := registry.Definitions()[i].DataType()
		compiled, err := shape.Compile(goType)
		require.NoError(t, err)
		schema, err := shape.ParseSchema(golden.Schema)
		require.NoError(t, err)
		reader, err := compiled.AvroReader(schema, eventType+".CloudEvent")
		require.NoError(t, err)
		writer := &signalcast.Schema{Text: golden.Schema}
		for _, sample := range golden.Samples {
			value, err := hex.DecodeString(sample.AvroHex)
			require.NoError(t, err)
			want, got := reflect.New(goType).Elem(), reflect.New(goType).Elem()
			require.NoError(t, compiled.DecodeJSON(sample.Data, want), sample.Name)
			require.NoError(t, reader.Decode(value, shape.RefOfValue(got)), sample.Name)
			require.Equal(t, want.Interface(), got.Interface(), sample.Name)

			for _, schema := range []*signalcast.Schema{writer, nil} {
				received, err := registry.Decode(sample.Metadata, schema, value)
				require.NoError(t, err, sample.Name)
				require.NoError(t, received.Deliver(t.Context()))
			}
		}
	})
}

func TestKeyBytesEqualTheReferenceAndItsErrorsFailValidation(t *testing.T) {
	t.Parallel()
	forEach(t, "events", func(t *testing.T, file, eventType string) {
		t.Helper()
		var golden goldenEvents
		readJSON(t, &golden, "events", file)
		registry := newRegistry(t)
		paths := 0
		for _, sample := range golden.Samples {
			for _, key := range sample.Keys {
				paths++
				config := signalcast.ProducerConfig{
					eventType: {"topic": {EventKeyField: &key.EventKeyField, Enabled: new(true)}},
				}
				if key.Error != "" {
					var invalid *signalcast.ValidationError
					require.ErrorAs(t, config.Validate(registry), &invalid, key.EventKeyField)
					require.Equal(t, eventType, invalid.Problems[0].EventType)
					continue
				}
				require.NotNil(t, key.AvroHex, key.EventKeyField)
				messages, err := newDispatcher(t, registry, config).Plan(eventType, sample.Data)
				require.NoError(t, err, key.EventKeyField)
				require.Equal(t, *key.AvroHex, hex.EncodeToString(messages[0].Key), key.EventKeyField)
				require.Equal(t, key.Schema, messages[0].KeySchema.Text, key.EventKeyField)
			}
		}
		require.Positive(t, paths)
	})
}

func TestMalformedOpenEdXKeyFailsWithItsPath(t *testing.T) {
	t.Parallel()
	const eventType = "org.openedx.learning.user.course_access_role.added.v1"
	d := newDispatcher(t, newRegistry(t), signalcast.ProducerConfig{
		eventType: {"topic": {Keyless: new(true), Enabled: new(true)}},
	})
	for name, key := range map[string]string{"empty": "", "malformed": "course-v1:edX"} {
		data := `{"course_access_role_data": {"user": {"id": 1, "is_active": true, "pii": {"username": "u", "email": "e", "name": "n"}},
			"org_key": "edX", "course_key": "` + key + `", "role": "staff"}}`
		_, err := d.Plan(eventType, []byte(data))
		var encode *signalcast.EncodeError
		require.ErrorAs(t, err, &encode, name)
		require.Equal(t, "course_access_role_data.course_key", encode.Fields[0].Path)
		require.ErrorContains(t, err, name+" course key")
	}
}
