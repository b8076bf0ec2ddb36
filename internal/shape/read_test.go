package shape_test

import (
	"bytes"
	"math"
	"math/big"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// readerOf returns the reader for values of a schema in the namespace org.example.
func readerOf(tb testing.TB, compiled *shape.Type, schema string) *shape.AvroReader {
	tb.Helper()
	parsed, err := shape.ParseSchema(schema)
	require.NoError(tb, err)
	reader, err := compiled.AvroReader(parsed, "org.example.CloudEvent")
	require.NoError(tb, err)
	return reader
}

// recordOf returns a schema with the given fields, such as {"name": "f", "type": "long"}.
func recordOf(fields string) string {
	return `{"type": "record", "name": "CloudEvent", "namespace": "org.example", "fields": [` + fields + `]}`
}

// readField decodes data, which a writer wrote whose field f has the given Avro type, into a field f of
// the type of like.
func readField(t *testing.T, like any, avroType, data string) (any, error) {
	t.Helper()
	goType := oneField(reflect.TypeOf(like))
	compiled, err := shape.Compile(goType)
	require.NoError(t, err)
	reader := readerOf(t, compiled, recordOf(`{"name": "f", "type": `+avroType+`}`))
	dst := reflect.New(goType).Elem()
	input := []byte(data)
	err = reader.Decode(input, shape.RefOfValue(dst))
	clear(input) // the value shares no memory with it
	return dst.Field(0).Interface(), err
}

func TestDecodeReadsWhatAppendAvroWrites(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_901_000, time.UTC)
	for name, value := range map[string]any{
		"a boolean":                     true,
		"the least int64":               int64(math.MinInt64),
		"the largest int64":             int64(math.MaxInt64),
		"the least int32":               int32(math.MinInt32),
		"the least int16":               int16(math.MinInt16),
		"the least int8":                int8(math.MinInt8),
		"the largest uint32":            uint32(math.MaxUint32),
		"the largest uint16":            uint16(math.MaxUint16),
		"the largest uint8":             uint8(math.MaxUint8),
		"a float64":                     -1.5,
		"a float32":                     float32(0.1),
		"an infinity":                   math.Inf(1),
		"an infinity of 32 bits":        float32(math.Inf(-1)),
		"an empty string":               "",
		"a string":                      "Zażółć",
		"a long string":                 string(bytes.Repeat([]byte("é"), 5000)),
		"a named string":                CourseKey("course-v1:edX+DemoX+2026"),
		"bytes":                         []byte{0, 0xff},
		"bytes of a named type":         []uint8Name{1, 2},
		"a time":                        at,
		"a time without a fraction":     at.Truncate(time.Second),
		"a naive time":                  time.Date(2026, 1, 31, 3, 4, 5, 0, shape.Naive()),
		"a type with a text form":       *big.NewInt(1 << 40),
		"a nullable text form":          big.NewInt(1 << 40),
		"a nullable string":             new("a"),
		"a nullable time":               &at,
		"a null":                        (*string)(nil),
		"a nullable list":               new([]int{1}),
		"a nullable map":                &map[string]string{"a": "b"},
		"an empty list":                 []int{},
		"a list":                        []int{1, -1, 64},
		"a list of nullables":           []*bool{nil, new(true)},
		"a list of lists":               [][]string{{"a"}, {}},
		"a list of records":             []UserData{{ID: 1}, {ID: 2, IsActive: true}},
		"a list of empty records":       []Taken{{}, {}},
		"an empty map":                  map[string]string{},
		"a map of strings":              map[string]string{"a": "1", "": "é"},
		"a map of named strings":        map[CourseKey]CourseKey{"a": "1", "b": "2"},
		"a map of lists":                map[string][]int{"a": {1}, "b": {}},
		"a map of maps":                 map[string]map[string]string{"a": {"b": "c"}, "d": {}},
		"a map of nullables":            map[string]*string{"a": nil, "b": new("c")},
		"a map of records":              map[string]UserData{"a": {ID: 7}},
		"a map of a hundred entries":    hundred(),
		"a record with all its strings": enrollment(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, ref := compileField(t, value)
			data, err := compiled.AppendAvro(nil, ref)
			require.NoError(t, err)
			dst := reflect.New(oneField(reflect.TypeOf(value))).Elem()
			reader := readerOf(t, compiled, compiled.Schema("org.example"))
			require.NoError(t, reader.Decode(data, shape.RefOfValue(dst)))
			require.Equal(t, value, dst.Field(0).Interface())
			for end := range min(len(data), 400) {
				require.Error(t, reader.Decode(data[:end], shape.RefOfValue(reflect.New(dst.Type()).Elem())), "the first %d bytes", end)
			}
		})
	}
}

func TestDecodeReadsOtherFormsOfWriters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		avroType, data string
		want           any
	}{
		"an int":                               {`"int"`, "\x7f", int64(-64)},
		"an int into an int8":                  {`"int"`, "\x7f", int8(-64)},
		"a number in more bytes than needed":   {`"long"`, "\x82\x80\x00", int64(1)},
		"a float":                              {`"float"`, "\x00\x00\xc0\x3f", 1.5},
		"a float into a float32":               {`"float"`, "\x00\x00\xc0\x3f", float32(1.5)},
		"a type with attributes":               {`{"type": "string", "logicalType": "uuid"}`, "\x02a", "a"},
		"a type in a type":                     {`{"type": {"type": "array", "items": "long"}}`, "\x02\x02\x00", []int64{1}},
		"a union into a nullable":              {`["null", "string"]`, "\x02\x02a", new("a")},
		"a union with null at the end":         {`["string", "null"]`, "\x00\x02a", new("a")},
		"null of a union with null at the end": {`["string", "null"]`, "\x02", (*string)(nil)},
		"a union of more types":                {`["null", "long", "string"]`, "\x04\x02a", new("a")},
		"a value that is never null":           {`"string"`, "\x02a", new("a")},
		"a null":                               {`"null"`, "", (*string)(nil)},
		"a union of null":                      {`["null"]`, "\x00", (*string)(nil)},
		"a union into a value":                 {`["null", "string"]`, "\x02\x02a", "a"},
		"a union without null":                 {`["long", "string"]`, "\x02\x02a", "a"},
		"a union of an int and a long":         {`["int", "long"]`, "\x00\x02", int64(1)},
		"blocks":                               {`{"type": "array", "items": "long"}`, "\x02\x02\x04\x04\x06\x00", []int64{1, 2, 3}},
		"a block with its size":                {`{"type": "array", "items": "long"}`, "\x03\x04\x04\x06\x00", []int64{2, 3}},
		"blocks of a map":                      {`{"type": "map", "values": "long"}`, "\x02\x02a\x02\x01\x06\x02b\x04\x00", map[string]int64{"a": 1, "b": 2}},
		"a key twice":                          {`{"type": "map", "values": "string"}`, "\x04\x02a\x02b\x02a\x02c\x00", map[string]string{"a": "c"}},
		"a key twice in another map":           {`{"type": "map", "values": "long"}`, "\x04\x02a\x02\x02a\x04\x00", map[string]int64{"a": 2}},
		"a list of unions":                     {`{"type": "array", "items": ["string", "null"]}`, "\x04\x00\x02a\x02\x00", []*string{new("a"), nil}},
		"a map of unions":                      {`{"type": "map", "values": ["string", "long"]}`, "\x02\x02a\x00\x02b\x00", map[string]string{"a": "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readField(t, c.want, c.avroType, c.data)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestDecodeReportsInvalidBytes(t *testing.T) {
	t.Parallel()
	const longs, strings = `{"type": "array", "items": "long"}`, `{"type": "map", "values": "string"}`
	largest, least := "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	for name, c := range map[string]struct {
		like           any
		avroType, data string
		want           string
	}{
		"bytes after the value":              {"", `"string"`, "\x02ab", "found bytes after the value; want only the value"},
		"no bytes":                           {"", `"string"`, "", "f: found the end of the bytes; want the rest of the value"},
		"a number that does not end":         {int64(0), `"long"`, "\x80", "f: found the end of the bytes"},
		"a number of 11 bytes":               {int64(0), `"long"`, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", "f: found a number of more than 64 bits; want a long"},
		"a number of 65 bits":                {int64(0), `"long"`, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", "f: found a number of more than 64 bits"},
		"an int8 out of range":               {int8(0), `"long"`, "\x80\x02", "f: found an integer out of range; want the range of int8"},
		"a negative uint8":                   {uint8(0), `"long"`, "\x01", "f: found an integer out of range; want the range of uint8"},
		"a float32 out of range":             {float32(0), `"double"`, "\x00\x00\x00\x00\x00\x00\xf0\x7e", "f: found a number out of range; want the range of float32"},
		"a double that ends early":           {0.5, `"double"`, "\x00\x00\x00\x00\x00\x00\xf0", "f: found the end of the bytes"},
		"a boolean of 2":                     {false, `"boolean"`, "\x02", "f: found a byte that is not a boolean; want 0 or 1"},
		"a string of negative length":        {"", `"string"`, "\x01", "f: found a length that the bytes cannot have"},
		"a string of the largest length":     {"", `"string"`, largest, "f: found a length that the bytes cannot have"},
		"bytes longer than the data":         {[]byte{}, `"bytes"`, "\x04a", "f: found a length that the bytes cannot have"},
		"a string that is not UTF-8":         {"", `"string"`, "\x02\xff", "f: found invalid UTF-8; want text in UTF-8"},
		"a value in a map that is not UTF-8": {map[string]string{}, strings, "\x02\x02a\x02\xff\x00", "f[...]: found invalid UTF-8; want"},
		"a key that is not UTF-8":            {map[string]string{}, strings, "\x02\x02\xff\x02a\x00", "f[...]: found invalid UTF-8 in a key; want"},
		"a text form that is not UTF-8":      {big.Int{}, `"string"`, "\x02\xff", "f: found invalid UTF-8"},
		"a text that the type rejects":       {big.Int{}, `"string"`, "\x0csecret", "f: found a string that is not a valid big.Int"},
		"a string that is not a time":        {time.Time{}, `"string"`, "\x0csecret", "f: found text that is not a time; want a time such as"},
		"the zero time":                      {time.Time{}, `"string"`, "\x320001-01-01T00:00:00+00:00", "f: found the zero time"},
		"a branch that does not exist":       {new(""), `["null", "string"]`, "\x04", "f: found a branch that the union does not have"},
		"a negative branch":                  {new(""), `["null", "string"]`, "\x01", "f: found a branch that the union does not have"},
		"null for a value":                   {"", `["null", "string"]`, "\x00", "f: found null; want string"},
		"a branch of another type":           {new(""), `["null", "long", "string"]`, "\x02\x02", "f: found long; want null or string"},
		"more items than bytes":              {[]int64{}, longs, "\x08\x00\x00\x00", "f: found more items than the bytes can hold"},
		"the largest number of items":        {[]int64{}, longs, largest, "f: found more items"},
		"the least number of items":          {[]int64{}, longs, least + "\x00\x00", "f: found more items"},
		"a block with a negative size":       {[]int64{}, longs, "\x01\x01\x00\x00", "f: found a length that the bytes cannot have"},
		"a block larger than the data":       {[]int64{}, longs, "\x01\x08\x00\x00", "f: found a length that the bytes cannot have"},
		"a list that does not end":           {[]int64{}, longs, "\x02\x00", "f: found the end of the bytes"},
		"an item of a list":                  {[]string{}, `{"type": "array", "items": "string"}`, "\x04\x02a\x02\xff\x00", "f[1]: found invalid UTF-8"},
		"a field of an item": {
			[]CourseData{},
			`{"type": "array", "items": {"type": "record", "name": "R", "fields": [
				{"name": "course_key", "type": "string"}, {"name": "display_name", "type": "string"}]}}`,
			"\x02\x00\x02\xff\x00", "f[0].display_name: found invalid UTF-8",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readField(t, c.like, c.avroType, c.data)
			var fault *shape.FieldError
			require.ErrorAs(t, err, &fault)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestDecodeKeepsStringsApartFromTheBytesOfTheCaller(t *testing.T) {
	t.Parallel()
	got, err := readField(t, UserData{}, `{"type": "record", "name": "User", "fields": [
		{"name": "id", "type": "long"}, {"name": "is_active", "type": "boolean"},
		{"name": "pii", "type": {"type": "record", "name": "PII", "fields": [
			{"name": "username", "type": "string"}, {"name": "email", "type": "string"}, {"name": "name", "type": "string"}]}}]}`,
		"\x0e\x01\x02a\x02b\x02c") // readField clears the bytes
	require.NoError(t, err)
	user, ok := got.(UserData)
	require.True(t, ok)
	require.Equal(t, "abc", user.PII.Username+user.PII.Email+user.PII.Name)
}
