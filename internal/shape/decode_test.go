package shape_test

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// everything has a field of every form.
type everything struct {
	Bool     bool                   `avro:"bool"`
	Int8     int8                   `avro:"int8"`
	Int64    int64                  `avro:"int64"`
	Uint32   uint32                 `avro:"uint32"`
	Float32  float32                `avro:"float32"`
	Float64  float64                `avro:"float64"`
	String   CourseKey              `avro:"string"`
	Bytes    []byte                 `avro:"bytes"`
	Time     time.Time              `avro:"time"`
	Text     readText               `avro:"text"`
	Record   base                   `avro:"record"`
	Nullable *base                  `avro:"nullable"`
	List     []*int16               `avro:"list"`
	Map      map[CourseKey][]string `avro:"map"`
	Embedded
	Off string `avro:"-"`
}

// readText has a text form and UnmarshalText.
type readText struct{ n int }

func (r readText) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(r.n), 10), nil }

func (r *readText) UnmarshalText(text []byte) (err error) {
	r.n, err = strconv.Atoi(string(text))
	if err == nil && r.n == 13 {
		err = errors.New("unlucky")
	}
	return err
}

const everythingJSON = `{
	"bool": true, "int8": -128, "int64": 9223372036854775807, "uint32": 4294967295,
	"float32": 0.5, "float64": -1e300, "string": "", "bytes": "AP8=",
	"time": "2026-01-02T03:04:05+05:45", "text": "42", "record": {"inner": true}, "nullable": {"inner": true},
	"list": [1, null, -32768], "map": {"b": ["x", "\ud83d\ude00\u00e9\n"], "": []}, "active": true
}`

func decode[T any](t *testing.T, text string) (T, error) {
	t.Helper()
	compiled, err := shape.Compile(reflect.TypeFor[T]())
	require.NoError(t, err)
	var data T
	err = compiled.DecodeJSON([]byte(text), reflect.ValueOf(&data).Elem())
	return data, err
}

func TestDecodeJSONReadsEveryForm(t *testing.T) {
	t.Parallel()
	got, err := decode[everything](t, everythingJSON)
	require.NoError(t, err)
	require.True(t, got.Time.Equal(time.Date(2026, 1, 1, 21, 19, 5, 0, time.UTC)))
	_, offset := got.Time.Zone()
	require.Equal(t, 20700, offset)
	got.Time = time.Time{}
	require.Equal(t, everything{
		Bool: true, Int8: math.MinInt8, Int64: math.MaxInt64, Uint32: math.MaxUint32, Float32: 0.5, Float64: -1e300,
		Bytes: []byte{0, 255}, Text: readText{42}, Record: base{true}, Nullable: &base{true},
		List: []*int16{new(int16(1)), nil, new(int16(-32768))},
		Map:  map[CourseKey][]string{"b": {"x", "😀é\n"}, "": {}}, Embedded: Embedded{true},
	}, got)
}

func TestDecodeJSONAcceptsFieldsInAnyOrder(t *testing.T) {
	t.Parallel()
	got, err := decode[CourseData](t, ` { "display_name":"b" , "course_key" :"a"}`)
	require.NoError(t, err)
	require.Equal(t, CourseData{CourseKey: "a", DisplayName: "b"}, got)
}

func TestDecodeJSONSetsMissingNullablesListsAndMapsToNil(t *testing.T) {
	t.Parallel()
	type event struct {
		List     []int          `avro:"list"`
		Map      map[string]int `avro:"map"`
		Nullable *int           `avro:"nullable"`
		Null     *int           `avro:"null"`
		Off      string         `avro:"-"`
	}
	compiled, err := shape.Compile(reflect.TypeFor[event]())
	require.NoError(t, err)
	data := event{[]int{1}, map[string]int{"a": 1}, new(1), new(1), "kept"}
	require.NoError(t, compiled.DecodeJSON([]byte(`{"null": null}`), reflect.ValueOf(&data).Elem()))
	require.Equal(t, event{Off: "kept"}, data)
}

func TestDecodeJSONReplacesListsAndMaps(t *testing.T) {
	t.Parallel()
	type event struct {
		List []int          `avro:"list"`
		Map  map[string]int `avro:"map"`
	}
	compiled, err := shape.Compile(reflect.TypeFor[event]())
	require.NoError(t, err)
	list, entries := []int{1, 2, 3}, map[string]int{"a": 1}
	data := event{list, entries}
	require.NoError(t, compiled.DecodeJSON([]byte(`{"list": [9], "map": {"b": 2}}`), reflect.ValueOf(&data).Elem()))
	require.Equal(t, event{[]int{9}, map[string]int{"b": 2}}, data)
	require.Equal(t, []int{1, 2, 3}, list)
	require.Equal(t, map[string]int{"a": 1}, entries)
}

func TestDecodeJSONReportsPositionPathFoundAndWant(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any // of a field f
		text  string
		want  string
	}{
		"a null":                       {true, `{"f": null}`, "line 1, column 7: f: found null; want a boolean"},
		"a null list":                  {[]int{}, `{"f": null}`, "line 1, column 7: f: found null; want a list"},
		"a null map":                   {map[string]int{}, `{"f": null}`, "line 1, column 7: f: found null; want an object"},
		"a string for a number":        {1, `{"f": "1"}`, "line 1, column 7: f: found a string; want an integer"},
		"a number for a string":        {"", `{"f": 1}`, "line 1, column 7: f: found a number; want a string"},
		"a number for a boolean":       {true, `{"f": 1}`, "line 1, column 7: f: found a number; want a boolean"},
		"a boolean for a float":        {1.5, `{"f": true}`, "line 1, column 7: f: found a boolean; want a number"},
		"an object for a list":         {[]int{}, `{"f": {"a": [1, {}]}}`, "line 1, column 7: f: found an object; want a list"},
		"a list for a record":          {base{}, `{"f": [[{}], 2]}`, "line 1, column 7: f: found a list; want an object"},
		"a number for a time":          {time.Time{}, `{"f": 1}`, "line 1, column 7: f: found a number; want a string with a time"},
		"a list for bytes":             {[]byte{}, `{"f": [1]}`, "line 1, column 7: f: found a list; want a string in standard base64"},
		"a fraction":                   {1, `{"f": 1.5}`, "line 1, column 7: f: found a number with a fraction or exponent; want an integer"},
		"a fraction of zero":           {1, `{"f": 1.0}`, "line 1, column 7: f: found a number with a fraction or exponent; want an integer"},
		"an exponent":                  {1, `{"f": 1e3}`, "line 1, column 7: f: found a number with a fraction or exponent; want an integer"},
		"an int8 out of range":         {int8(0), `{"f": 128}`, "line 1, column 7: f: found an integer out of range; want the range of int8"},
		"an int64 out of range":        {1, `{"f": 9223372036854775808}`, "line 1, column 7: f: found an integer out of range; want the range of int"},
		"a negative uint8":             {uint8(0), `{"f": -1}`, "line 1, column 7: f: found an integer out of range; want the range of uint8"},
		"a float64 out of range":       {1.5, `{"f": 1e400}`, "line 1, column 7: f: found a number out of range; want the range of float64"},
		"a float32 out of range":       {float32(1), `{"f": 1e39}`, "line 1, column 7: f: found a number out of range; want the range of float32"},
		"bytes without padding":        {[]byte{}, `{"f": "AA"}`, "line 1, column 7: f: found a string that is not base64; want standard base64 with padding"},
		"bytes with line breaks":       {[]byte{}, `{"f": "AA\n=="}`, "line 1, column 7: f: found a string that is not base64; want standard base64 with padding"},
		"bytes with trailing bits":     {[]byte{}, `{"f": "AB=="}`, "line 1, column 7: f: found a string that is not base64; want standard base64 with padding"},
		"bytes in the URL alphabet":    {[]byte{}, `{"f": "_-8="}`, "line 1, column 7: f: found a string that is not base64; want standard base64 with padding"},
		"a string without a time":      {time.Time{}, `{"f": "secret"}`, "line 1, column 7: f: found a string that is not a time; want a time such as 2006-01-02T15:04:05.000000+00:00"},
		"text that its type rejects":   {readText{}, `{"f": "13"}`, "line 1, column 7: f: found a string that is not a valid shape_test.readText"},
		"a type without UnmarshalText": {TextKey(""), `{"f": "13"}`, "line 1, column 7: f: found a string for shape_test.TextKey, which does not declare UnmarshalText; want a type that declares UnmarshalText"},
		"invalid UTF-8":                {"", "{\"f\": \"a\xff\"}", "line 1, column 7: f: found invalid UTF-8; want text in UTF-8"},
		"half of a surrogate pair":     {"", `{"f": "\ud83d"}`, "line 1, column 7: f: found half of a surrogate pair; want text in UTF-8"},
		"invalid UTF-8 in a key":       {map[string]int{}, "{\"f\": {\"a\xff\": 1}}", "line 1, column 8: f[...]: found invalid UTF-8 in a key; want text in UTF-8"},
		"a missing field":              {1, "{\n }", "line 2, column 2: f: missing; want an integer"},
		"a missing field of a record": {
			CourseData{}, `{"f": {"course_key": "a"}}`, "line 1, column 25: f.display_name: missing; want a string",
		},
		"an unknown field": {1, `{"f": 1, "ff": [[{}]]}`, `line 1, column 10: unknown field "ff"`},
		"an unknown field similar to a known one": {
			base{}, `{"f": {"inner": true, "iner": 1}}`, `line 1, column 23: f: unknown field "iner" (did you mean "inner"?)`,
		},
		"a very long unknown field": {
			1, `{"f": 1, "` + strings.Repeat("x", 500) + `": 1}`, `line 1, column 10: unknown field "` + strings.Repeat("x", 80) + `…"`,
		},
		"a duplicate field":        {1, `{"f": 1, "f": "x"}`, "line 1, column 10: f: duplicate key"},
		"a duplicate key of a map": {map[string]int{}, `{"f": {"a": 1, "a": 1}}`, "line 1, column 16: f[...]: duplicate key"},
		"a field in another case":  {base{}, `{"f": {"Inner": true}}`, "line 1, column 8: f: unknown field \"Inner\" (did you mean \"inner\"?)\nline 1, column 21: f.inner: missing; want a boolean"},
		"a fault in an item":       {[][]int{}, `{"f": [[1], [2, "3"]]}`, "line 1, column 17: f[1][1]: found a string; want an integer"},
		"a fault in an entry":      {map[string]int{}, `{"f": {"secret": null}}`, "line 1, column 18: f[...]: found null; want an integer"},
		"a fault in a nullable":    {&base{}, `{"f": {"inner": 1}}`, "line 1, column 17: f.inner: found a number; want a boolean"},
		"columns in characters":    {[]int{}, "{\n\"f\": [\"é😀\", 1]}", "line 2, column 7: f[0]: found a string; want an integer"},
		"an empty text":            {1, ``, "line 1, column 1: found the end of the text; want a JSON value"},
		"null":                     {1, `null`, "line 1, column 1: found null; want an object"},
		"a list":                   {1, `[1]`, "line 1, column 1: found a list; want an object"},
		"text that ends early":     {1, `{"f": 1`, "line 1, column 8: found the end of the text; want a comma or the end of the object"},
		"two objects":              {1, `{"f": 1} {"f": 1}`, "line 1, column 10: found character '{'; want nothing after the outermost value"},
		"a comma at the end":       {[]int{}, `{"f": [1,]}`, "line 1, column 10: found character ']'; want a JSON value"},
		"a syntax error in an unknown field": {
			1, `{"g": [1, }`, "line 1, column 2: unknown field \"g\"\nline 1, column 11: found character '}'; want a JSON value",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goType := oneField(reflect.TypeOf(c.value))
			compiled, err := shape.Compile(goType)
			require.NoError(t, err)
			err = compiled.DecodeJSON([]byte(c.text), reflect.New(goType).Elem())
			var rejected *shape.DecodeError
			require.ErrorAs(t, err, &rejected)
			require.EqualError(t, err, c.want)
			require.NotContains(t, err.Error(), "secret")
		})
	}
}

func TestDecodeJSONReportsFaultsInTheOrderOfTheText(t *testing.T) {
	t.Parallel()
	_, err := decode[everything](t, `{
	"bool": 1, "int8": 1000, "bool": true,
	"list": ["a", 1, "b"], "map": {"a": [1], "b": null},
	"record": {"iner": [{}], "inner": 2}, "time": "now"
}`)
	var rejected *shape.DecodeError
	require.ErrorAs(t, err, &rejected)
	var got []string
	for _, f := range rejected.Fields {
		got = append(got, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Path))
	}
	require.Equal(t, []string{
		"2:10 bool", "2:21 int8", "2:27 bool", "3:11 list[0]", "3:19 list[2]", "3:39 map[...][0]", "3:48 map[...]",
		"4:13 record", "4:36 record.inner", "4:48 time",
		"5:1 int64", "5:1 uint32", "5:1 float32", "5:1 float64", "5:1 string", "5:1 bytes", "5:1 text", "5:1 active",
	}, got)
}

func TestDecodeJSONRejectsDeepNesting(t *testing.T) {
	t.Parallel()
	const depth = 100_000
	for name, text := range map[string]string{
		"deep lists":            `{"f": ` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`,
		"deep objects":          `{"f": ` + strings.Repeat(`{"a":`, depth),
		"deep lists, unknown":   `{"g": ` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`,
		"deep objects, unknown": `{"g": ` + strings.Repeat(`{"a":`, depth),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decode[struct {
				F [][]int `avro:"f"`
			}](t, text)
			var rejected *shape.DecodeError
			require.ErrorAs(t, err, &rejected)
		})
	}
}

func TestDecodeJSONReportsAtMostAThousandFaults(t *testing.T) {
	t.Parallel()
	_, err := decode[struct {
		F []CourseData `avro:"f"`
	}](t, `{"f": [`+strings.Repeat(`{"x": {}},`, 100000)+`{}]}`)
	var rejected *shape.DecodeError
	require.ErrorAs(t, err, &rejected)
	require.Len(t, rejected.Fields, 1000)
}

func FuzzDecodeJSON(f *testing.F) {
	f.Add(everythingJSON)
	f.Add(`{"list": [1, "a"], "map": {"a": [], "a": []}}`)
	f.Add(`{"string": "\ud800", "x": [[[{}]]]}`)
	compiled, err := shape.Compile(reflect.TypeFor[everything]())
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string) {
		var data, again everything
		err := compiled.DecodeJSON([]byte(text), reflect.ValueOf(&data).Elem())
		if err != nil {
			checkFaults(t, text, err)
			return
		}
		if data.String == "" {
			data.String = "not empty" // CourseKey rejects an empty key
		}
		delete(data.Map, "")
		written, err := compiled.AppendJSON(nil, shape.RefOf(&data))
		require.NoError(t, err)
		require.NoError(t, compiled.DecodeJSON(written, reflect.ValueOf(&again).Elem()))
		rewritten, err := compiled.AppendJSON(nil, shape.RefOf(&again))
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
		first, err := compiled.AppendAvro(nil, shape.RefOf(&data))
		require.NoError(t, err)
		second, err := compiled.AppendAvro(nil, shape.RefOf(&again))
		require.NoError(t, err)
		require.Equal(t, first, second)
	})
}

// checkFaults checks that the position of every fault is within the text.
func checkFaults(t *testing.T, text string, err error) {
	t.Helper()
	var rejected *shape.DecodeError
	require.ErrorAs(t, err, &rejected)
	require.NotEmpty(t, rejected.Fields)
	lines := strings.Split(text, "\n")
	for _, fault := range rejected.Fields {
		require.LessOrEqual(t, fault.Line, len(lines))
		require.LessOrEqual(t, fault.Column, len([]rune(lines[fault.Line-1]))+1)
		require.NotEmpty(t, fault.Found)
	}
}
