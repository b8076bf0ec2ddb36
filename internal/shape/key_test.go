package shape_test

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

type Embedded struct {
	Active bool `avro:"active"`
}

// keyed has a key of each Avro type.
type keyed struct {
	Course CourseData `avro:"course"`
	Inner  struct {
		_     struct{}  `avro:"Inner"`
		Text  TextKey   `avro:"text"`
		At    time.Time `avro:"at"`
		Bytes []byte    `avro:"bytes"`
	} `avro:"inner"`
	Embedded
	Count   uint16            `avro:"count"`
	Ratio   float32           `avro:"ratio"`
	Tags    []string          `avro:"tags"`
	Labels  map[string]string `avro:"labels"`
	Teacher *UserData         `avro:"teacher"`
}

func compileKeyed(t *testing.T) *shape.Type {
	t.Helper()
	compiled, err := shape.Compile(reflect.TypeFor[keyed]())
	require.NoError(t, err)
	return compiled
}

func TestKeyIsReadFromTheData(t *testing.T) {
	t.Parallel()
	data := keyed{Course: CourseData{CourseKey: "course-v1:a+b+c"}, Count: 300, Ratio: 0.5, Embedded: Embedded{true}}
	data.Inner.Text = "a \"text\""
	data.Inner.At = time.Date(2026, 1, 2, 3, 4, 5, 0, shape.Naive())
	data.Inner.Bytes = []byte{1, 0xff}
	for path, c := range map[string]struct {
		avroType, avro, text string
		value                any
	}{
		"course.course_key":   {"string", "\x1ecourse-v1:a+b+c", "course-v1:a+b+c", CourseKey("course-v1:a+b+c")},
		"course.display_name": {"string", "\x00", "", ""},
		"inner.text":          {"string", "\x10a \"text\"", `a "text"`, TextKey("a \"text\"")},
		"inner.at":            {"string", "\x262026-01-02T03:04:05", "2026-01-02T03:04:05", data.Inner.At},
		"inner.bytes":         {"bytes", "\x04\x01\xff", "\x01\xff", []byte{1, 0xff}},
		"active":              {"boolean", "\x01", "true", true},
		"count":               {"long", "\xd8\x04", "300", uint16(300)},
		"ratio":               {"double", "\x00\x00\x00\x00\x00\x00\xe0\x3f", "0.5", float32(0.5)},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			key, err := compileKeyed(t).Key(path)
			require.NoError(t, err)
			require.Equal(t, path, key.Path())
			require.Equal(t, c.avroType, key.AvroType())
			name := path[strings.LastIndex(path, ".")+1:]
			require.Equal(t, `{"name": "`+name+`", "type": "`+c.avroType+`"}`, key.Schema())
			ref := shape.RefOf(&data)
			got, err := key.AppendAvro([]byte(">"), ref)
			require.NoError(t, err)
			require.Equal(t, ">"+c.avro, string(got))
			got, err = key.AppendText([]byte(">"), ref)
			require.NoError(t, err)
			require.Equal(t, ">"+c.text, string(got))
			require.Equal(t, c.value, key.Value(ref))
		})
	}
}

func TestKeyAcceptsExactlyTheKeyPaths(t *testing.T) {
	t.Parallel()
	compiled := compileKeyed(t)
	paths := compiled.KeyPaths()
	require.Equal(t, []string{
		"course.course_key", "course.display_name",
		"inner.text", "inner.at", "inner.bytes",
		"active", "count", "ratio",
	}, paths)
	for _, path := range paths {
		_, err := compiled.Key(path)
		require.NoError(t, err)
	}
}

func TestKeyErrorNamesTheSegmentAndTheNearestPath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, found, nearest string
	}{
		"an empty path":               {"", "found an empty path", ""},
		"an empty segment":            {"course..course_key", "found an empty segment", "course.course_key"},
		"an empty segment at the end": {"course.", "found an empty segment", ""},
		"a dot alone":                 {".", "found an empty segment", ""},
		"an unknown field": {
			"course.curse_key", `unknown field "curse_key"`, "course.course_key",
		},
		"a field of another record":              {"inner.display_name", `unknown field "display_name"`, "course.display_name"},
		"an unknown field without a similar one": {"xyzzy", `unknown field "xyzzy"`, ""},
		"a Go name":                              {"Count", `unknown field "Count"`, "count"},
		"a name with a space":                    {"count ", `unknown field "count "`, "count"},
		"a record":                               {"inner", `"inner" is a record`, "inner.text"},
		"a nullable":                             {"course.start", `"start" is nullable`, ""},
		"a path through a nullable":              {"teacher.id", `"teacher" is nullable`, ""},
		"a list":                                 {"tags", `"tags" is a list`, ""},
		"a path through a list":                  {"tags.0", `"tags" is a list`, ""},
		"a map":                                  {"labels", `"labels" is a map`, ""},
		"a path through a map":                   {"labels.x", `"labels" is a map`, ""},
		"a path through a scalar":                {"count.x", `"x" follows a value that is not a record`, "count"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compileKeyed(t).Key(c.path)
			var rejected *shape.KeyError
			require.ErrorAs(t, err, &rejected)
			require.Equal(t, c.path, rejected.Path)
			require.Contains(t, rejected.Found, c.found)
			require.Equal(t, c.nearest, rejected.Nearest)
			require.Contains(t, err.Error(), rejected.Found)
		})
	}
}

func TestKeyReportsValuesThatCannotBeEncoded(t *testing.T) {
	t.Parallel()
	var data keyed
	data.Course.DisplayName = "\xff"
	data.Ratio = float32(math.NaN())
	compiled := compileKeyed(t)
	key, err := compiled.Key("course.display_name")
	require.NoError(t, err)
	const want = "course.display_name: found invalid UTF-8; want text in UTF-8"
	out, err := key.AppendAvro([]byte("kept"), shape.RefOf(&data))
	require.EqualError(t, err, want)
	require.Equal(t, "kept", string(out))
	out, err = key.AppendText([]byte("kept"), shape.RefOf(&data))
	require.EqualError(t, err, want)
	require.Equal(t, "kept", string(out))
	key, err = compiled.Key("ratio")
	require.NoError(t, err)
	_, err = key.AppendText(nil, shape.RefOf(&data))
	require.ErrorContains(t, err, "ratio: found NaN")
}
