package shape_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

func TestAppendAvroWritesEveryForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"false":                     {false, "\x00"},
		"true":                      {true, "\x01"},
		"zero":                      {0, "\x00"},
		"minus one":                 {-1, "\x01"},
		"the largest in one byte":   {int8(63), "\x7e"},
		"the smallest in two bytes": {int8(64), "\x80\x01"},
		"the least int8":            {int8(math.MinInt8), "\xff\x01"},
		"the least int16":           {int16(math.MinInt16), "\xff\xff\x03"},
		"the least int32":           {int32(math.MinInt32), "\xff\xff\xff\xff\x0f"},
		"the least int64":           {int64(math.MinInt64), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		"the largest int64":         {int64(math.MaxInt64), "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
		"the largest uint8":         {uint8(math.MaxUint8), "\xfe\x03"},
		"the largest uint16":        {uint16(math.MaxUint16), "\xfe\xff\x07"},
		"the largest uint32":        {uint32(math.MaxUint32), "\xfe\xff\xff\xff\x1f"},
		"a float64":                 {1.5, "\x00\x00\x00\x00\x00\x00\xf8\x3f"},
		"a float32":                 {float32(-2), "\x00\x00\x00\x00\x00\x00\x00\xc0"},
		"an infinity":               {math.Inf(1), "\x00\x00\x00\x00\x00\x00\xf0\x7f"},
		"NaN":                       {math.NaN(), "\x01\x00\x00\x00\x00\x00\xf8\x7f"},
		"the empty string":          {"", "\x00"},
		"a string":                  {"né", "\x06né"},
		"a string of 64 bytes":      {strings.Repeat("x", 64), "\x80\x01" + strings.Repeat("x", 64)},
		"nil bytes":                 {[]byte(nil), "\x00"},
		"bytes":                     {[]byte{0, 255}, "\x04\x00\xff"},
		"bytes of a named type":     {[]uint8Name{1, 2}, "\x04\x01\x02"},
		"a time":                    {time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "\x322026-01-02T03:04:05+00:00"},
		"a null":                    {(*string)(nil), "\x00"},
		"a nullable":                {new("a"), "\x02\x02a"},
		"a nullable nil list":       {new([]int), "\x02\x00"},
		"a nil list":                {[]int(nil), "\x00"},
		"an empty list":             {[]int{}, "\x00"},
		"a list":                    {[]int{1, -1, 64}, "\x06\x02\x01\x80\x01\x00"},
		"a list of lists":           {[][]string{{"a"}, nil}, "\x04\x02\x02a\x00\x00\x00"},
		"a list of nullables":       {[]*bool{nil, new(true)}, "\x04\x00\x02\x01\x00"},
		"a list of empty records":   {[]Taken{{}, {}}, "\x04\x00"},
		"a list of records": {
			[]UserData{{ID: 1}, {ID: 2, IsActive: true}}, "\x04\x02\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00",
		},
		"a nil map":              {map[string]string(nil), "\x00"},
		"an empty map":           {map[string]int{}, "\x00"},
		"a map to strings":       {map[string]string{"b": "2", "a": "1"}, "\x04\x02a\x021\x02b\x022\x00"},
		"a map to named strings": {map[CourseKey]CourseKey{"b": "2", "a": "1"}, "\x04\x02a\x021\x02b\x022\x00"},
		"a map with keys in bytewise order": {
			map[string]bool{"é": true, "z": false, "": true, "Z": true, "\U0001F600": true, "\uffff": false},
			"\x0c\x00\x01\x02Z\x01\x02z\x00\x04é\x01\x06\uffff\x00\x08\U0001F600\x01\x00",
		},
		"a map to lists":             {map[string][]int{"a": {1}, "b": nil}, "\x04\x02a\x02\x02\x00\x02b\x00\x00"},
		"a map to maps":              {map[string]map[string]string{"a": {"b": "c"}}, "\x02\x02a\x02\x02b\x02c\x00\x00"},
		"a map to nullables":         {map[string]*string{"a": nil, "b": new("c")}, "\x04\x02a\x00\x02b\x02\x02c\x00"},
		"a map to records":           {map[string]Taken{"a": {}}, "\x02\x02a\x00"},
		"a map to bytes":             {map[string][]byte{"a": {7}}, "\x02\x02a\x02\x07\x00"},
		"a map of a hundred entries": {hundred(), hundredAvro()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, ref := compileField(t, c.value)
			got, err := compiled.AppendAvro([]byte("before"), ref)
			require.NoError(t, err)
			require.Equal(t, "before"+c.want, string(got))
		})
	}
}

type uint8Name uint8

func hundred() map[string]string {
	m := map[string]string{}
	for i := range 100 {
		m[string([]byte{'0' + byte(i/10), '0' + byte(i%10)})] = "x"
	}
	return m
}

func hundredAvro() string {
	var b strings.Builder
	b.WriteString("\xc8\x01")
	for i := range 100 {
		b.WriteString("\x04" + string([]byte{'0' + byte(i/10), '0' + byte(i%10)}) + "\x02x")
	}
	return b.String() + "\x00"
}

func TestEncodingReportsInvalidValues(t *testing.T) {
	t.Parallel()
	const notUTF8 = "found invalid UTF-8; want text in UTF-8"
	bad := "secret\xff"
	late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"a string":                   {bad, "f: " + notUTF8},
		"a named string":             {CourseKey(bad), "f: " + notUTF8},
		"a nullable string":          {&bad, "f: " + notUTF8},
		"an item of a list":          {[]string{"a", bad}, "f[1]: " + notUTF8},
		"an item of a list of lists": {[][]string{{}, {"a", bad}}, "f[1][1]: " + notUTF8},
		"a value of a map":           {map[string]string{"a": bad}, "f[...]: " + notUTF8},
		"a key of a map":             {map[string]string{bad: "a"}, "f[...]: found invalid UTF-8 in a key; want text in UTF-8"},
		"a key of a map to booleans": {map[string]bool{bad: true}, "f[...]: found invalid UTF-8 in a key; want text in UTF-8"},
		"a field of a record":        {CourseData{CourseKey: "a", DisplayName: bad}, "f.display_name: " + notUTF8},
		"a field of a nullable":      {&CourseData{CourseKey: "a", DisplayName: bad}, "f.display_name: " + notUTF8},
		"a field of a record in a record": {
			CourseEnrollmentData{User: userNamed(bad)}, "f.user.pii.name: " + notUTF8,
		},
		"a field of a record in a nullable": {
			CourseEnrollmentData{Course: CourseData{CourseKey: "a"}, CreationDate: late.AddDate(-1, 0, 0), CreatedBy: new(userNamed(bad))},
			"f.created_by.pii.name: " + notUTF8,
		},
		"a field of an item":  {[]UserData{{}, userNamed(bad)}, "f[1].pii.name: " + notUTF8},
		"a field of an entry": {map[string]UserData{"x": userNamed(bad)}, "f[...].pii.name: " + notUTF8},
		"a time after the year 9999": {
			late, "f: found a year out of range; want a year from 1 to 9999",
		},
		"the zero time":        {time.Time{}, "f: found the zero time; want a time, or a field of type *time.Time for an optional one"},
		"a nullable zero time": {&time.Time{}, "f: found the zero time; want a time, or a field of type *time.Time for an optional one"},
		"a nullable time after the year 9999": {
			&late, "f: found a year out of range; want a year from 1 to 9999",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, ref := compileField(t, c.value)
			for _, encode := range []func([]byte, shape.Ref) ([]byte, error){compiled.AppendAvro, compiled.AppendJSON} {
				out, err := encode([]byte("kept"), ref)
				var rejected *shape.FieldError
				require.ErrorAs(t, err, &rejected)
				require.EqualError(t, err, c.want)
				require.Equal(t, "kept", string(out))
			}
		})
	}
}

func userNamed(name string) UserData {
	var u UserData
	u.PII.Name = name
	return u
}

func TestEncodingIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	compiled, ref := compileField(t, map[CourseKey][]evenText{"a": {{2}}, "b": {{4}, {6}}})
	want, err := compiled.AppendAvro(nil, ref)
	require.NoError(t, err)
	done := make(chan string)
	for range 8 {
		go func() {
			out, _ := compiled.AppendAvro(nil, ref)
			done <- string(out)
		}()
	}
	for range 8 {
		require.Equal(t, string(want), <-done)
	}
}
