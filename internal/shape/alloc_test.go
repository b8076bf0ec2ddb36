//go:build !race

package shape_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

//nolint:paralleltest // AllocsPerRun counts the allocations of the whole process
func TestEncodingIntoALargeBufferDoesNotAllocate(t *testing.T) {
	for name, value := range map[string]any{
		"a record with Validate, times and nullables": enrollment(),
		"a map of strings to strings":                 map[string]string{"a": "1", "b": "2", "c": "3"},
		"a list of AppendText with a value receiver":  []UUID{{1}, {2}},
		"a list of Validate with a value receiver":    []evenValue{2, 4, 6},
		"strings that JSON escapes":                   "a\"b\nc",
	} {
		compiled, ref := compileField(t, value)
		buf := make([]byte, 0, 4096)
		require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = compiled.AppendAvro(buf[:0], ref) }), "Avro of %s", name)
		require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = compiled.AppendJSON(buf[:0], ref) }), "JSON of %s", name)
	}
}

//nolint:paralleltest // AllocsPerRun counts the allocations of the whole process
func TestDecodeAllocatesItsStringsAndPointersOnly(t *testing.T) {
	for name, c := range map[string]struct {
		value any
		max   float64
	}{
		"a record with three pointers":  {enrollment(), 3},
		"a list of strings":             {[]string{"a", "b", "c"}, 2},
		"a map of strings to strings":   {map[string]string{"a": "1", "b": "2", "c": "3"}, 3},
		"a list of lists, empty or not": {[][]int{{}, {1}, {}}, 3},
		"optional times":                {optionalTimes(), 2},
	} {
		compiled, ref := compileField(t, c.value)
		data, err := compiled.AppendAvro(nil, ref)
		require.NoError(t, err)
		reader := readerOf(t, compiled, compiled.Schema("org.example"))
		dst := reflect.New(oneField(reflect.TypeOf(c.value))).Elem()
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			dst.SetZero()
			_ = reader.Decode(data, shape.RefOfValue(dst))
		}), c.max, name)
		require.Equal(t, c.value, dst.Field(0).Interface(), name)
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			dst.SetZero()
			_ = reader.DecodeShared(data, shape.RefOfValue(dst))
		}), c.max-1, name)
		require.Equal(t, c.value, dst.Field(0).Interface(), name)
	}
}

type twoTimes struct {
	A *time.Time `avro:"a"`
	B *time.Time `avro:"b"`
}

func optionalTimes() twoTimes {
	return twoTimes{new(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)), new(time.Date(2027, 1, 2, 3, 4, 5, 0, time.UTC))}
}
