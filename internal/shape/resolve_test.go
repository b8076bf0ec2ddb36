package shape_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// order is event data of the reader in tests of resolution.
type order struct {
	ID    int64             `avro:"id"`
	Lines []line            `avro:"lines"`
	Notes map[string]string `avro:"notes"`
	By    *customer         `avro:"by"`
	To    customer          `avro:"to"`
}

type line struct {
	Item  string  `avro:"item"`
	Price float64 `avro:"price"`
}

type customer struct {
	Name string  `avro:"name"`
	City *string `avro:"city"`
}

func TestDecodeReadsSchemasWithOtherFields(t *testing.T) {
	t.Parallel()
	compiled, err := shape.Compile(reflect.TypeFor[order]())
	require.NoError(t, err)
	const customerType = `{"type": "record", "name": "Someone", "fields": [{"name": "city", "type": "string"}, {"name": "name", "type": "string"}]}`
	for name, c := range map[string]struct {
		fields, data string
		want         order
	}{
		"only what is required": {
			`{"name": "id", "type": "int"}, {"name": "to", "type": {"type": "record", "name": "C", "fields": [{"name": "name", "type": "string"}]}}`,
			"\x02\x02a",
			order{ID: 1, To: customer{Name: "a"}},
		},
		"another order, names of inner records and references": {
			`{"name": "by", "type": ["null", ` + customerType + `]}, {"name": "id", "type": "long"}, {"name": "to", "type": "Someone"}`,
			"\x02\x02x\x02a\x04\x02y\x02b",
			order{ID: 2, By: &customer{"a", new("x")}, To: customer{"b", new("y")}},
		},
		"fields of every type that are skipped": {
			`{"name": "id", "type": "long"},
			{"name": "s1", "type": "null"}, {"name": "s2", "type": "boolean"}, {"name": "s3", "type": "int"}, {"name": "s4", "type": "long"},
			{"name": "s5", "type": "float"}, {"name": "s6", "type": "double"}, {"name": "s7", "type": "bytes"}, {"name": "s8", "type": "string"},
			{"name": "s9", "type": {"type": "fixed", "name": "F", "size": 3}},
			{"name": "s10", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
			{"name": "s11", "type": {"type": "array", "items": "string"}},
			{"name": "s12", "type": {"type": "map", "values": "F"}},
			{"name": "s13", "type": ["null", "E", "F"]},
			{"name": "s14", "type": {"type": "record", "name": "R", "fields": [{"name": "r1", "type": "long"}, {"name": "r2", "type": ["null", "R"]}]}},
			{"name": "to", "type": ` + customerType + `}`,
			"\x06" + "\x01" + "\x81\x02" + "\x81\x02" + "ffff" + "dddddddd" + "\x02b" + "\x02s" + "FFF" + "\x02" +
				"\x02\x02a" + "\x03\x08\x02b\x02c" + "\x00" + "\x02\x02kFFF\x00" + "\x04FFF" + "\x02\x02\x04\x00" + "\x02y\x02b",
			order{ID: 3, To: customer{"b", new("y")}},
		},
		"lists and maps of records with other fields": {
			`{"name": "id", "type": "long"}, {"name": "to", "type": ` + customerType + `}, {"name": "notes", "type": {"type": "map", "values": "string"}},
			{"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
				{"name": "price", "type": "float"}, {"name": "vat", "type": "float"}, {"name": "item", "type": "string"}]}}}`,
			"\x08\x02y\x02b\x02\x02k\x02v\x00\x04\x00\x00\xc0\x3fvvvv\x02i\x00\x00\x00\x40vvvv\x02j\x00",
			order{ID: 4, To: customer{"b", new("y")}, Notes: map[string]string{"k": "v"}, Lines: []line{{"i", 1.5}, {"j", 2}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got order
			require.NoError(t, readerOf(t, compiled, recordOf(c.fields)).Decode([]byte(c.data), shape.RefOf(&got)))
			require.Equal(t, c.want, got)
		})
	}
}

func TestAvroReaderReportsSchemasThatDoNotFit(t *testing.T) {
	t.Parallel()
	const id, to = `{"name": "id", "type": "long"}`, `{"name": "to", "type": {"type": "record", "name": "C", "fields": [{"name": "name", "type": "string"}]}}`
	for name, c := range map[string]struct{ schema, want string }{
		"no record":                        {`"string"`, `found string; want record "org.example.CloudEvent"`},
		"a record of another name":         {`{"type": "record", "name": "org.other.CloudEvent", "fields": []}`, `found record "org.other.CloudEvent"; want record "org.example.CloudEvent"`},
		"a required field that is missing": {recordOf(id), "to: missing; want record"},
		"a required field of an inner record that is missing": {
			recordOf(id + `, {"name": "to", "type": {"type": "record", "name": "C", "fields": []}}`), "to.name: missing; want string",
		},
		"another type":          {recordOf(to + `, {"name": "id", "type": "string"}`), "id: found string; want long"},
		"a float for an int":    {recordOf(to + `, {"name": "id", "type": "double"}`), "id: found double; want long"},
		"a union without it":    {recordOf(to + `, {"name": "id", "type": ["null", "string"]}`), "id: found null; want long"},
		"null only":             {recordOf(to + `, {"name": "id", "type": "null"}`), "id: found null; want long"},
		"a list for a map":      {recordOf(id + "," + to + `, {"name": "notes", "type": {"type": "array", "items": "string"}}`), "notes: found array; want map"},
		"a map of other values": {recordOf(id + "," + to + `, {"name": "notes", "type": {"type": "map", "values": "long"}}`), "notes[...]: found long; want string"},
		"a list of other items": {recordOf(id + "," + to + `, {"name": "lines", "type": {"type": "array", "items": "long"}}`), "lines[]: found long; want record"},
		"a field of an item": {
			recordOf(id + "," + to + `, {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "L", "fields": [
				{"name": "item", "type": "bytes"}]}}}`), "lines[].item: found bytes; want string",
		},
		"a nullable record of another type": {recordOf(id + "," + to + `, {"name": "by", "type": ["null", "string"]}`), "by: found string; want record"},
		"an enum":                           {recordOf(to + `, {"name": "id", "type": {"type": "enum", "name": "E", "symbols": ["A"]}}`), "id: found enum; want long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, err := shape.Compile(reflect.TypeFor[order]())
			require.NoError(t, err)
			schema, err := shape.ParseSchema(c.schema)
			require.NoError(t, err)
			_, err = compiled.AvroReader(schema, "org.example.CloudEvent")
			require.ErrorContains(t, err, c.want)
		})
	}
	t.Run("a type without UnmarshalText", func(t *testing.T) {
		t.Parallel()
		compiled, _ := compileField(t, TextKey(""))
		schema, err := shape.ParseSchema(compiled.Schema("org.example"))
		require.NoError(t, err)
		_, err = compiled.AvroReader(schema, "org.example.CloudEvent")
		require.ErrorContains(t, err, "f: found shape_test.TextKey, which does not declare UnmarshalText")
	})
}

func TestParseSchemaReportsInvalidSchemas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ schema, want string }{
		"no text":                    {``, "found a schema that is not JSON"},
		"a number":                   {`7`, "found a type that is not a name, an object or a list"},
		"an object without a type":   {`{}`, "found a type that is not a name"},
		"an unknown type":            {recordOf(`{"name": "a", "type": "datetime"}`), `a: found unknown type "datetime"`},
		"a name defined later":       {recordOf(`{"name": "a", "type": "B"}, {"name": "b", "type": {"type": "fixed", "name": "B", "size": 1}}`), `a: found unknown type "B"`},
		"a name of another space":    {recordOf(`{"name": "a", "type": {"type": "fixed", "name": "x.B", "size": 1}}, {"name": "b", "type": "B"}`), `b: found unknown type "B"`},
		"a name twice":               {recordOf(`{"name": "a", "type": {"type": "fixed", "name": "B", "size": 1}}, {"name": "b", "type": {"type": "enum", "name": "B", "symbols": []}}`), `b: found a second type "org.example.B"`},
		"a field twice":              {recordOf(`{"name": "a", "type": "long"}, {"name": "a", "type": "long"}`), "a: found a second field of this name"},
		"a field without a name":     {recordOf(`{"type": "long"}`), "found a field without a valid name"},
		"a field that is no object":  {recordOf(`"long"`), "found a field without a valid name"},
		"a record without a name":    {`{"type": "record", "fields": []}`, "found record without a name"},
		"a record without fields":    {`{"type": "record", "name": "R"}`, "found record without a list of fields"},
		"an array without items":     {recordOf(`{"name": "a", "type": {"type": "array"}}`), "a[]: found a type that is not a name"},
		"a map without values":       {recordOf(`{"name": "a", "type": {"type": "map"}}`), "a[...]: found a type that is not a name"},
		"a fixed of a negative size": {`{"type": "fixed", "name": "F", "size": -1}`, "found a fixed of an invalid size"},
		"a fixed of half a byte":     {`{"type": "fixed", "name": "F", "size": 0.5}`, "found a fixed of an invalid size"},
		"an enormous fixed":          {`{"type": "fixed", "name": "F", "size": 1e300}`, "found a fixed of an invalid size"},
		"a union in a union":         {`[["null"]]`, "found a union in a union"},
		"a union without types":      {`[]`, "found a union without types"},
		"a record within itself":     {recordOf(`{"name": "a", "type": "CloudEvent"}`), `found record "org.example.CloudEvent" that contains itself`},
		"records within each other": {
			recordOf(`{"name": "a", "type": {"type": "record", "name": "B", "fields": [{"name": "c", "type": "CloudEvent"}]}}`), "that contains itself",
		},
		"a long name":       {`{"type": "record", "fields": [], "name": "` + strings.Repeat("n", 1001) + `"}`, "found a name that is too long; want at most 1000 bytes"},
		"a long field name": {recordOf(`{"type": "long", "name": "` + strings.Repeat("n", 1001) + `"}`), "found a field without a valid name"},
		"a long unknown name": {
			`"` + strings.Repeat("n", 1001) + `"`, `found unknown type "` + strings.Repeat("n", 80) + `…"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := shape.ParseSchema(c.schema)
			var fault *shape.FieldError
			require.ErrorAs(t, err, &fault)
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestParseSchemaAcceptsRecordsThatReferToThemselves(t *testing.T) {
	t.Parallel()
	for name, fields := range map[string]string{
		"in a union":                  `{"name": "a", "type": ["null", "CloudEvent"]}`,
		"in an array":                 `{"name": "a", "type": {"type": "array", "items": "CloudEvent"}}`,
		"in a record in a map":        `{"name": "a", "type": {"type": "map", "values": {"type": "record", "name": "B", "fields": [{"name": "c", "type": "CloudEvent"}]}}}`,
		"by the full name":            `{"name": "a", "type": ["null", "org.example.CloudEvent"]}`,
		"in a record of no namespace": `{"name": "a", "type": ["null", {"type": "record", "name": "B", "namespace": "", "fields": [{"name": "b", "type": ["null", "B", "org.example.CloudEvent"]}]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := shape.ParseSchema(recordOf(fields))
			require.NoError(t, err)
		})
	}
}
