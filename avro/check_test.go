package avro_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
)

func TestCheckAcceptsTheSchemasOfRoutes(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]*signalcast.Schema{
		"no schema":            nil,
		"the schema of a key":  {Name: "string", Text: `{"name": "course_key", "type": "string"}`},
		"the schema of values": subjects(t)[0].schema,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, avro.Check(schema))
		})
	}
}

func TestCheckRejectsInvalidSchemas(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an empty text":            ``,
		"text that is not JSON":    `{"type": "record"`,
		"an unknown type":          `{"name": "x", "type": "datetime"}`,
		"a record without a name":  `{"type": "record", "fields": []}`,
		"a field without a type":   `{"type": "record", "name": "R", "fields": [{"name": "a"}]}`,
		"a field name with a dash": `{"type": "record", "name": "R", "fields": [{"name": "a-b", "type": "long"}]}`,
		"a namespace with a dash":  `{"type": "record", "name": "R", "namespace": "a-b", "fields": []}`,
		"a wrong default":          `{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long", "default": "x"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var fault *avro.InvalidSchemaError
			require.ErrorAs(t, avro.Check(&signalcast.Schema{Name: "R", Text: text}), &fault)
			require.Equal(t, "R", fault.Name)
		})
	}
}

func TestSchemasDoNotShareNames(t *testing.T) {
	t.Parallel()
	defines := &signalcast.Schema{Text: `{"type": "record", "name": "Course", "fields": []}`}
	uses := &signalcast.Schema{Text: `{"type": "record", "name": "R", "fields": [{"name": "a", "type": "Course"}]}`}
	require.NoError(t, avro.Check(defines))
	require.Error(t, avro.Check(uses))
	_, err := avro.Decode(uses, nil)
	require.Error(t, err)
}
