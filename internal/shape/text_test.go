package shape_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// The types below have a text form in every way there is.
type (
	valueText    struct{ n int32 }
	pointerText  struct{ n int32 }
	appendedText struct{ n int32 }
	pointerWide  struct{ p *int }    // of the size of a pointer
	mapText      map[string]struct{} // a pointer inside
	UUID         [16]byte
)

func (v valueText) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "value %d", v.n), nil }

func (v *pointerText) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "pointer %d", v.n), nil }

func (v appendedText) MarshalText() ([]byte, error) {
	return nil, errors.New("AppendText is preferred")
}

func (v appendedText) AppendText(b []byte) ([]byte, error) {
	return fmt.Appendf(b, "appended %d", v.n), nil
}
func (v pointerWide) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "wide %d", *v.p), nil }
func (v mapText) MarshalText() ([]byte, error)     { return fmt.Appendf(nil, "map of %d", len(v)), nil }
func (v UUID) AppendText(b []byte) ([]byte, error) { return hex.AppendEncode(b, v[:]), nil }

// The types below embed one with a text form.
type (
	Promoted        struct{ valueText }
	PromotedPointer struct{ *valueText }
	PromotedDeep    struct{ Promoted }
	promotedTime    struct{ time.Time }
	Own             struct{ valueText }
	OwnPointer      struct{ valueText }
	OwnTime         struct{ time.Time }
	OwnAppend       struct{ valueText }
)

func (o Own) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "own %d", o.n), nil }
func (o *OwnPointer) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "own pointer %d", o.n), nil
}
func (t OwnTime) MarshalText() ([]byte, error)          { return t.Time.MarshalText() }
func (o OwnAppend) AppendText(b []byte) ([]byte, error) { return append(b, "own append"...), nil }

func TestTextForm(t *testing.T) {
	t.Parallel()
	seven := 7
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"a value receiver":                   {valueText{7}, "value 7"},
		"a pointer receiver":                 {pointerText{7}, "pointer 7"},
		"a pointer to a pointer receiver":    {&pointerText{7}, "pointer 7"},
		"AppendText rather than MarshalText": {appendedText{7}, "appended 7"},
		"a type of the size of a pointer":    {pointerWide{&seven}, "wide 7"},
		"a map":                              {mapText{"a": {}, "b": {}}, "map of 2"},
		"an array":                           {UUID{0xff, 15: 1}, "ff000000000000000000000000000001"},
		"one of the standard library":        {*big.NewInt(1 << 40), "1099511627776"},
		"text of 63 bytes":                   {TextKey(strings.Repeat("x", 63)), strings.Repeat("x", 63)},
		"text of 64 bytes":                   {TextKey(strings.Repeat("x", 64)), strings.Repeat("x", 64)},
		"long text":                          {TextKey(strings.Repeat("é", 5000)), strings.Repeat("é", 5000)},
		"text that JSON escapes":             {TextKey("a\"b\\c\nd\x01e"), "a\"b\\c\nd\x01e"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, ref := compileField(t, c.value)
			key, err := compiled.Key("f")
			if reflect.TypeOf(c.value).Kind() != reflect.Pointer {
				require.NoError(t, err)
				text, err := key.AppendText([]byte(">"), ref)
				require.NoError(t, err)
				require.Equal(t, ">"+c.want, string(text))
			}
			avro, err := compiled.AppendAvro([]byte{9}, ref)
			require.NoError(t, err)
			want, wantRef := compileField(t, c.want)
			wantAvro, err := want.AppendAvro([]byte{9}, wantRef)
			require.NoError(t, err)
			if reflect.TypeOf(c.value).Kind() == reflect.Pointer {
				wantAvro = append([]byte{9, 2}, wantAvro[1:]...)
			}
			require.Equal(t, wantAvro, avro)

			got, err := compiled.AppendJSON(nil, ref)
			require.NoError(t, err)
			wantText, err := want.AppendJSON(nil, wantRef)
			require.NoError(t, err)
			require.Equal(t, wantText, got)
		})
	}
}

func TestTextFormOfAnEmbeddedFieldIsAmbiguous(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"an embedded struct":            Promoted{},
		"an embedded pointer":           PromotedPointer{},
		"a struct embedded in one":      PromotedDeep{},
		"an embedded time":              promotedTime{},
		"a method of its own beside it": Own{},
		"a pointer method of its own":   OwnPointer{},
		"a method beside a time":        OwnTime{},
		"AppendText beside MarshalText": OwnAppend{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := shape.Compile(oneField(reflect.TypeOf(value)))
			require.ErrorContains(t, err, "a type with a text form; want a field with a name in place of the embedded one")
			_, err = shape.Compile(reflect.TypeOf(value))
			require.ErrorContains(t, err, "want a field with a name in place of the embedded one")
		})
	}
}

// compileField compiles a struct with the field F of value's type, and returns
// it with a Ref to one that holds value.
func compileField(t *testing.T, value any) (*shape.Type, shape.Ref) {
	t.Helper()
	goType := oneField(reflect.TypeOf(value))
	compiled, err := shape.Compile(goType)
	require.NoError(t, err)
	data := reflect.New(goType).Elem()
	data.Field(0).Set(reflect.ValueOf(value))
	return compiled, shape.RefOfValue(data)
}

// The types below refuse some of their values.
type (
	evenValue   int64
	evenPointer int32
	evenByte    byte
	evenText    struct{ n int64 }
	evenMap     map[string]int
)

var errOdd = errors.New("found an odd number; want an even one")

func even(n int64) error {
	if n%2 != 0 {
		return errOdd
	}
	return nil
}

func (v evenValue) Validate() error             { return even(int64(v)) }
func (v *evenPointer) Validate() error          { return even(int64(*v)) }
func (v evenByte) Validate() error              { return even(int64(v)) }
func (v evenText) Validate() error              { return even(v.n) }
func (v evenText) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%d", v.n), nil }
func (v evenMap) Validate() error               { return even(int64(len(v))) }
func (v evenMap) MarshalText() ([]byte, error)  { return []byte("{}"), nil }

func TestValidateIsCalled(t *testing.T) {
	t.Parallel()
	odd := evenValue(1)
	for name, c := range map[string]struct {
		value any
		path  string // of the fault, "" for none
	}{
		"on a value receiver":             {evenValue(3), "f"},
		"on a pointer receiver":           {evenPointer(3), "f"},
		"on a text type":                  {evenText{3}, "f"},
		"on a type as wide as a pointer":  {evenMap{"a": 1}, "f"},
		"on a named string":               {CourseKey(""), "f"},
		"on a nullable that is present":   {&odd, "f"},
		"on the items of a list":          {[]evenValue{2, 4, 5}, "f[2]"},
		"on the items of lists of lists":  {[][]evenPointer{{}, {2, 3}}, "f[1][1]"},
		"on the items of a list of bytes": {[]evenByte{2, 3}, "f[1]"},
		"on the values of a map":          {map[string]evenValue{"a": 3}, "f[...]"},
		"on the keys of a map":            {map[CourseKey]string{"": "x"}, "f[...]"},
		"on the keys of any map":          {map[CourseKey]bool{"": true}, "f[...]"},
		"on strings in a map":             {map[string]CourseKey{"a": ""}, "f[...]"},
		"and accepts":                     {[]evenValue{2, 4}, ""},
		"but not on a null":               {(*evenValue)(nil), ""},
		"and accepts keys of a map":       {map[CourseKey]evenValue{"a": 2}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, ref := compileField(t, c.value)
			_, avroErr := compiled.AppendAvro(nil, ref)
			_, jsonErr := compiled.AppendJSON(nil, ref)
			if c.path == "" {
				require.NoError(t, avroErr)
				require.NoError(t, jsonErr)
				return
			}
			for _, err := range []error{avroErr, jsonErr} {
				var refused *shape.FieldError
				require.ErrorAs(t, err, &refused)
				require.Equal(t, c.path, refused.Path)
				require.True(t, errors.Is(err, errOdd) || errors.Is(err, errEmptyKey))
			}
		})
	}
}

// hoarder's methods keep what they are given.
type hoarder struct {
	text string
	kept *[]string
}

func (h hoarder) MarshalText() ([]byte, error) {
	*h.kept = append(*h.kept, h.text)
	return nil, nil
}

type pointerHoarder struct {
	text string
	kept *[]*pointerHoarder
}

func (h *pointerHoarder) MarshalText() ([]byte, error) {
	*h.kept = append(*h.kept, h)
	return nil, nil
}

func TestMethodsMayKeepWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	type event struct {
		Value   hoarder        `avro:"value"`
		Pointer pointerHoarder `avro:"pointer"`
	}
	compiled, err := shape.Compile(reflect.TypeFor[event]())
	require.NoError(t, err)
	var kept []string
	var keptPointers []*pointerHoarder
	encode := func(text []byte) {
		// Short strings made of bytes are on the stack if nobody keeps them.
		data := event{hoarder{string(text), &kept}, pointerHoarder{string(text), &keptPointers}}
		_, err := compiled.AppendAvro(nil, shape.RefOf(&data))
		require.NoError(t, err)
	}
	encode([]byte("first"))
	encode([]byte("other"))
	useStack(1000)
	runtime.GC()
	require.Equal(t, []string{"first", "other"}, kept)
	require.Equal(t, "first", keptPointers[0].text)
	require.Equal(t, "other", keptPointers[1].text)
}

//go:noinline
func useStack(depth int) byte {
	var fill [64]byte
	for i := range fill {
		fill[i] = byte(depth)
	}
	if depth == 0 {
		return fill[1]
	}
	return useStack(depth-1) + fill[depth%64]
}

func TestStackMayGrowWhileEncoding(t *testing.T) {
	t.Parallel()
	type event struct {
		Deep  stackUser `avro:"deep"`
		After string    `avro:"after"`
	}
	compiled, err := shape.Compile(reflect.TypeFor[event]())
	require.NoError(t, err)
	done := make(chan string)
	go func() { // on a small stack of its own
		data := event{stackUser{5000}, strings.Repeat("x", 3)}
		out, err := compiled.AppendAvro(nil, shape.RefOf(&data))
		if err != nil {
			out = []byte(err.Error())
		}
		done <- string(out)
	}()
	require.Equal(t, "\x08deep\x06xxx", <-done)
}

type stackUser struct{ depth int }

func (s stackUser) MarshalText() ([]byte, error) {
	useStack(s.depth)
	runtime.GC()
	return []byte("deep"), nil
}

func TestTextFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"an error of MarshalText":              {failingText{}, "f: refused"},
		"text that is not UTF-8":               {TextKey("a\xff"), "f: found bytes that are not UTF-8; want text in UTF-8"},
		"AppendText that loses what was there": {losingText{}, "f: AppendText returned less than it was given"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, ref := compileField(t, c.value)
			out, err := compiled.AppendAvro([]byte("kept"), ref)
			require.EqualError(t, err, c.want)
			require.Equal(t, "kept", string(out))
			out, err = compiled.AppendJSON([]byte("kept"), ref)
			require.EqualError(t, err, c.want)
			require.Equal(t, "kept", string(out))
		})
	}
}

type (
	failingText struct{}
	losingText  struct{}
)

func (failingText) MarshalText() ([]byte, error)     { return nil, errors.New("refused") }
func (losingText) AppendText([]byte) ([]byte, error) { return nil, nil }

func TestValueIsACopy(t *testing.T) {
	t.Parallel()
	data := CourseData{DisplayName: "before"}
	got := shape.RefOf(&data).Value(reflect.TypeFor[CourseData]())
	data.DisplayName = "after"
	require.Equal(t, CourseData{DisplayName: "before"}, got)
}
