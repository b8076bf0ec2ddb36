package shape_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// goldenFile is one file of testdata/golden/events, recorded from the reference.
type goldenFile struct {
	EventType string `json:"event_type"`
	Schema    string `json:"schema"`
	Samples   []struct {
		Name    string          `json:"name"`
		Data    json.RawMessage `json:"data"`
		AvroHex string          `json:"avro_hex"`
		Keys    []struct {
			Path    string `json:"event_key_field"`
			Schema  string `json:"schema"`
			AvroHex string `json:"avro_hex"`
			Error   string `json:"error"`
		} `json:"keys"`
	} `json:"samples"`
}

// goldenTypes returns the types of this package that have golden data. Together they have every
// form that the catalogue uses.
func goldenTypes() map[string]reflect.Type {
	return map[string]reflect.Type{
		"org.openedx.learning.course.enrollment.created.v1":     reflect.TypeFor[CourseEnrollmentCreated](),
		"org.openedx.learning.forum.thread.created.v1":          reflect.TypeFor[ThreadCreated](),
		"org.openedx.learning.ora.submission.created.v1":        reflect.TypeFor[ORASubmissionCreated](),
		"org.openedx.learning.course.notification.requested.v1": reflect.TypeFor[CourseNotificationRequested](),
		"org.openedx.analytics.tracking.event.emitted.v1":       reflect.TypeFor[TrackingEventEmitted](),
	}
}

func TestEncodingEqualsTheGoldenData(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/golden/events/*.json")
	require.NoError(t, err)
	types := goldenTypes()
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var file goldenFile
		require.NoError(t, json.Unmarshal(text, &file))
		goType, ok := types[file.EventType]
		if !ok {
			continue
		}
		found++
		t.Run(file.EventType, func(t *testing.T) {
			t.Parallel()
			checkGolden(t, file, goType)
		})
	}
	require.Len(t, types, found, "every type of goldenTypes has a golden file")
}

func checkGolden(t *testing.T, file goldenFile, goType reflect.Type) {
	t.Helper()
	compiled, err := shape.Compile(goType)
	require.NoError(t, err)
	require.Equal(t, file.Schema, compiled.Schema(file.EventType))
	schema, err := shape.ParseSchema(file.Schema)
	require.NoError(t, err)
	reader, err := compiled.AvroReader(schema, file.EventType+".CloudEvent")
	require.NoError(t, err)

	for _, sample := range file.Samples {
		data := reflect.New(goType).Elem()
		require.NoError(t, compiled.DecodeJSON(sample.Data, data), sample.Name)
		ref := shape.RefOfValue(data)
		avro, err := compiled.AppendAvro(nil, ref)
		require.NoError(t, err, sample.Name)
		require.Equal(t, sample.AvroHex, hex.EncodeToString(avro), sample.Name)

		decoded := reflect.New(goType).Elem()
		require.NoError(t, reader.Decode(avro, shape.RefOfValue(decoded)), sample.Name)
		require.Equal(t, data.Interface(), decoded.Interface(), sample.Name)

		written, err := compiled.AppendJSON(nil, ref)
		require.NoError(t, err, sample.Name)
		require.JSONEq(t, string(sample.Data), string(written), sample.Name)

		for _, want := range sample.Keys {
			key, err := compiled.Key(want.Path)
			if want.Error != "" {
				var rejected *shape.KeyError
				require.ErrorAs(t, err, &rejected, want.Path)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, want.Schema, key.Schema())
			got, err := key.AppendAvro(nil, ref)
			require.NoError(t, err)
			require.Equal(t, want.AvroHex, hex.EncodeToString(got), want.Path)
		}
	}
}
