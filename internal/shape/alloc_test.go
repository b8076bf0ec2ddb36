//go:build !race

package shape_test

import (
	"testing"

	"github.com/stretchr/testify/require"
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
