//go:build !race

package shape_test

import (
	"reflect"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

//nolint:paralleltest // AllocsPerRun counts the allocations of the whole process
func TestEncodingIntoABufferDoesNotAllocate(t *testing.T) {
	for name, value := range map[string]any{
		"a record with Validate, times and nullables": enrollment(),
		"a map of strings to strings":                 map[string]string{"a": "1", "b": "2", "c": "3"},
		"a list of AppendText with a value receiver":  []UUID{{1}, {2}},
		"a list of Validate with a value receiver":    []evenValue{2, 4, 6},
		"keys with Validate with a value receiver":    map[CourseKey]string{"a": "1"},
		"strings that JSON escapes":                   "a\"b\nc",
	} {
		compiled, ref := compileField(t, value)
		buf := make([]byte, 0, 4096)
		require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = compiled.AppendAvro(buf[:0], ref) }), "Avro of %s", name)
		require.Zero(t, testing.AllocsPerRun(100, func() { buf, _ = compiled.AppendJSON(buf[:0], ref) }), "JSON of %s", name)
	}
}

//nolint:paralleltest // AllocsPerRun counts the allocations of the whole process
func TestEventDataStaysOnTheStack(t *testing.T) {
	compiled, err := shape.Compile(reflect.TypeFor[CourseEnrollmentCreated]())
	require.NoError(t, err)
	key, err := compiled.Key("enrollment.course.course_key")
	require.NoError(t, err)
	template := enrollment()
	buf := make([]byte, 0, 4096)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		data := template
		buf, _ = compiled.AppendAvro(buf[:0], shape.RefOf(&data))
		buf, _ = key.AppendAvro(buf[:0], shape.RefOf(&data))
		buf, _ = key.AppendText(buf[:0], shape.RefOf(&data))
		runtime.KeepAlive(&data)
	}))
}
