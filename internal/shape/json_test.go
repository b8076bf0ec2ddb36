package shape_test

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

func TestAppendJSONWritesEveryForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"a boolean":                    {true, `true`},
		"the least int64":              {int64(math.MinInt64), `-9223372036854775808`},
		"the largest uint32":           {uint32(math.MaxUint32), `4294967295`},
		"an int8":                      {int8(-128), `-128`},
		"a float":                      {1.25, `1.25`},
		"a whole float":                {float32(3), `3`},
		"bytes":                        {[]byte{0, 255, 62}, `"AP8+"`},
		"nil bytes":                    {[]byte(nil), `""`},
		"a string":                     {"a", `"a"`},
		"characters that HTML escapes": {"<a href=\"&\">\u2028é\x7f", "\"<a href=\\\"&\\\">\u2028é\x7f\""},
		"control characters":           {"\x00\x1f\b\f\n\r\t\\", `"\u0000\u001f\u0008\u000c\n\r\t\\"`},
		"a time":                       {time.Date(2026, 1, 2, 3, 4, 5, 6000, shape.Naive()), `"2026-01-02T03:04:05.000006"`},
		"a null":                       {(*int)(nil), `null`},
		"a nullable":                   {new(7), `7`},
		"a nullable record":            {&Taken{}, `{}`},
		"a nil list":                   {[]int(nil), `[]`},
		"a list":                       {[]int{1, 2}, `[1,2]`},
		"a list of records":            {[]base{{true}, {}}, `[{"inner":true},{"inner":false}]`},
		"a nil map":                    {map[string]string(nil), `{}`},
		"a map":                        {map[string]string{"b": "2", "a\"": "1"}, `{"a\"":"1","b":"2"}`},
		"a map to records":             {map[string]base{"a": {true}}, `{"a":{"inner":true}}`},
		"records side by side":         {sides{}, `{"l":{"inner":false},"e":{},"r":{"inner":false}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, ref := compileField(t, c.value)
			got, err := compiled.AppendJSON([]byte("before"), ref)
			require.NoError(t, err)
			require.Equal(t, `before{"f":`+c.want+`}`, string(got))
		})
	}
}

type sides struct {
	L base  `avro:"l"`
	E Taken `avro:"e"`
	R base  `avro:"r"`
}

func TestAppendJSONWritesFloatsAsEncodingJSONDoes(t *testing.T) {
	t.Parallel()
	for _, value := range []any{
		0.0, math.Copysign(0, -1), 1.0, -1.0, 0.1, 1e20, 1e21, -1e21, 1e-6, 1e-7, 9.999999e-7, 1e-10, 1e100, 1e-100,
		math.MaxFloat64, math.SmallestNonzeroFloat64, float32(0.1), float32(1e20), float32(1e21), float32(1e-6),
		float32(1e-7), float32(9.999999e-7), float32(math.MaxFloat32), float32(math.SmallestNonzeroFloat32),
	} {
		compiled, ref := compileField(t, value)
		got, err := compiled.AppendJSON(nil, ref)
		require.NoError(t, err)
		want, err := json.Marshal(map[string]any{"f": value})
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	}
}

func TestAppendJSONRejectsNaNAndInfinities(t *testing.T) {
	t.Parallel()
	for _, value := range []any{math.NaN(), math.Inf(1), math.Inf(-1), float32(math.Inf(1)), []float64{math.NaN()}} {
		compiled, ref := compileField(t, value)
		out, err := compiled.AppendJSON([]byte("kept"), ref)
		require.ErrorContains(t, err, "found NaN or an infinity")
		require.Equal(t, "kept", string(out))
		_, err = compiled.AppendAvro(nil, ref)
		require.NoError(t, err, "Avro encodes them")
	}
}
