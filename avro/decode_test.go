package avro_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
	"github.com/signalcast/signalcast/internal/shape"
)

// faultySchema has each type whose encoding can be invalid.
const faultySchema = `{"type": "record", "name": "Faulty", "namespace": "org.example", "fields": [
	{"name": "flag", "type": "boolean"},
	{"name": "inner", "type": {"type": "record", "name": "Inner", "fields": [
		{"name": "names", "type": {"type": "array", "items": "string"}},
		{"name": "options", "type": {"type": "map", "values": ["null", "long"]}},
		{"name": "nothings", "type": {"type": "array", "items": {"type": "record", "name": "Nothing", "fields": []}}}
	]}}
]}`

func TestDecodeReportsBytesThatDoNotMatchTheSchema(t *testing.T) {
	t.Parallel()
	huge := string([]byte{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}) // 1<<63 - 1
	least := string([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	for name, test := range map[string]struct {
		bytes string
		path  string
		fault string
	}{
		"a boolean of 2":                        {"\x02\x00\x00\x00", "flag", "invalid bool"},
		"a long that does not end":              {"\x00" + string(bytes.Repeat([]byte{0xff}, 11)), "inner.names", "unexpected EOF"},
		"a string of negative length":           {"\x00\x02\x01", "inner.names[0]", "negative length"},
		"a string longer than the bytes":        {"\x00\x02" + huge, "inner.names[0]", "unexpected EOF"},
		"a string that is not UTF-8":            {"\x00\x04\x02a\x02\xff\x00\x00\x00", "inner.names[1]", "UTF-8"},
		"a key that is not UTF-8":               {"\x00\x00\x02\x02\xff\x00\x00\x00", "inner.options[...]", "UTF-8"},
		"a branch that the union does not have": {"\x00\x00\x02\x02k\x04\x00\x00", "inner.options[...]", "branch 2 of a union; want 0 to 1"},
		"a negative branch":                     {"\x00\x00\x02\x02k\x01\x00\x00", "inner.options[...]", "branch -1"},
		"a huge count of strings":               {"\x00" + huge, "inner.names", "more items"},
		"a huge count of items without bytes":   {"\x00\x00\x00" + huge, "inner.nothings", "more items"},
		"several blocks of empty items":         {"\x00\x00\x00" + strings.Repeat("\x80\x80\x08", 2), "inner.nothings", "more items"},
		"a count that cannot be negated":        {"\x00" + least + "\x00", "inner.names", "more items"},
		"a byte after the value":                {"\x00\x00\x00\x00\x00", "", "after the value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := avro.Decode(&signalcast.Schema{Name: "org.example.Faulty", Text: faultySchema}, []byte(test.bytes))
			var fault *avro.DecodeError
			require.ErrorAs(t, err, &fault)
			require.Equal(t, "org.example.Faulty", fault.Schema)
			require.Equal(t, test.path, fault.Path)
			require.ErrorContains(t, err, test.fault)
		})
	}
}

func TestDecodeReportsBytesThatEndEarly(t *testing.T) {
	t.Parallel()
	for _, s := range subjects(t) {
		seed := make([]byte, 400)
		_, _ = rand.NewChaCha8([32]byte{}).Read(seed)
		data := reflect.New(s.goType).Elem()
		(&generator{bytes: seed}).fill(data)
		encoded, err := s.shape.AppendAvro(nil, shape.RefOfValue(data))
		require.NoError(t, err)
		for length := range min(len(encoded), 500) {
			_, err := avro.Decode(s.schema, encoded[:length])
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%v cut after %d bytes", s.goType, length)
		}
	}
}

func TestDecodeReadsListsInSeveralBlocksWithSizes(t *testing.T) {
	t.Parallel()
	schema := &signalcast.Schema{Text: `{"type": "array", "items": "long"}`}
	decoded, err := avro.Decode(schema, []byte("\x02\x0e\x03\x04\x10\x12\x00"))
	require.NoError(t, err)
	require.Equal(t, []any{int64(7), int64(8), int64(9)}, decoded)
}

func TestDecodeRejectsTypesThatSignalsDoNotHave(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`"int"`, `"float"`, `{"type": "fixed", "name": "F", "size": 1}`, `{"type": "enum", "name": "E", "symbols": ["A"]}`} {
		_, err := avro.Decode(&signalcast.Schema{Text: text}, []byte{0, 0, 0, 0})
		var fault *avro.DecodeError
		require.ErrorAs(t, err, &fault)
		require.ErrorContains(t, err, "want a type of a signal's schema")
	}
}

func TestDecodeRejectsAMissingOrInvalidSchema(t *testing.T) {
	t.Parallel()
	_, err := avro.Decode(nil, []byte("{}"))
	var noSchema *avro.DecodeError
	require.ErrorAs(t, err, &noSchema)

	_, err = avro.Decode(&signalcast.Schema{Name: "key", Text: `{"name": "key", "type": "uuid"}`}, nil)
	var invalid *avro.InvalidSchemaError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, "key", invalid.Name)
}

func TestDecodedValuesShareNoMemoryWithTheBytes(t *testing.T) {
	t.Parallel()
	schema := &signalcast.Schema{Text: `{"type": "array", "items": "bytes"}`}
	data := []byte("\x04\x02a\x02b\x00")
	decoded, err := avro.Decode(schema, data)
	require.NoError(t, err)
	clear(data)
	list := decoded.([]any)
	_ = append(list[0].([]byte), "overwritten"...)
	require.Equal(t, []any{[]byte("a"), []byte("b")}, list)
}

// FuzzDecode checks that Decode does not panic, and that another library decodes the same value.
func FuzzDecode(f *testing.F) {
	all := subjects(f)
	for i, s := range all {
		value := reflect.New(s.goType).Elem()
		(&generator{}).fill(value)
		data, err := s.shape.AppendAvro(nil, shape.RefOfValue(value))
		require.NoError(f, err)
		f.Add(byte(i), data)
	}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		s := all[int(which)%len(all)]
		decoded, err := avro.Decode(s.schema, data)
		if err != nil {
			return
		}
		var byTwmb any
		if _, err := s.twmb.Decode(data, &byTwmb); err == nil {
			require.Equal(t, exact(byTwmb), exact(decoded))
		}
	})
}
