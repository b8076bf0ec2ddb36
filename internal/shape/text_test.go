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

// The types below declare their text form in each possible way.
type (
	valueText    struct{ n int32 }
	pointerText  struct{ n int32 }
	appendedText struct{ n int32 }
	pointerWide  struct{ p *int }    // as wide as a pointer
	mapText      map[string]struct{} // represented by a pointer
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

// The types below embed a type with a text form.
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

func TestTextFormIsEncodedAsAString(t *testing.T) {
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
		"a type as wide as a pointer":        {pointerWide{&seven}, "wide 7"},
		"a map":                              {mapText{"a": {}, "b": {}}, "map of 2"},
		"an array":                           {UUID{0xff, 15: 1}, "ff000000000000000000000000000001"},
		"a type of the standard library":     {*big.NewInt(1 << 40), "1099511627776"},
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

func TestCompileRejectsStructsThatEmbedATextForm(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"an embedded struct":                            Promoted{},
		"an embedded pointer":                           PromotedPointer{},
		"two levels of embedding":                       PromotedDeep{},
		"an embedded time":                              promotedTime{},
		"a struct with its own method":                  Own{},
		"a struct with its own pointer method":          OwnPointer{},
		"an embedded time and an own method":            OwnTime{},
		"an embedded MarshalText and an own AppendText": OwnAppend{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := shape.Compile(oneField(reflect.TypeOf(value)))
			require.ErrorContains(t, err, "a type with a text form; want a named field instead of the embedded one")
			_, err = shape.Compile(reflect.TypeOf(value))
			require.ErrorContains(t, err, "want a named field instead of the embedded one")
		})
	}
}

// compileField compiles a struct with one field F of the type of value. It returns the compiled
// type and a Ref to a struct that holds value.
func compileField(t *testing.T, value any) (*shape.Type, shape.Ref) {
	t.Helper()
	goType := oneField(reflect.TypeOf(value))
	compiled, err := shape.Compile(goType)
	require.NoError(t, err)
	data := reflect.New(goType).Elem()
	data.Field(0).Set(reflect.ValueOf(value))
	return compiled, shape.RefOfValue(data)
}

// The types below have a Validate method that rejects odd numbers.
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

func TestEncodingCallsValidateOfEveryLeaf(t *testing.T) {
	t.Parallel()
	odd := evenValue(1)
	for name, c := range map[string]struct {
		value any
		path  string // of the fault, or "" without a fault
	}{
		"on a value receiver":                 {evenValue(3), "f"},
		"on a pointer receiver":               {evenPointer(3), "f"},
		"on a text type":                      {evenText{3}, "f"},
		"on a type as wide as a pointer":      {evenMap{"a": 1}, "f"},
		"on a named string":                   {CourseKey(""), "f"},
		"on a nullable that is present":       {&odd, "f"},
		"on the items of a list":              {[]evenValue{2, 4, 5}, "f[2]"},
		"on the items of lists of lists":      {[][]evenPointer{{}, {2, 3}}, "f[1][1]"},
		"on the items of a list of bytes":     {[]evenByte{2, 3}, "f[1]"},
		"on the values of a map":              {map[string]evenValue{"a": 3}, "f[...]"},
		"on the keys of a map":                {map[CourseKey]string{"": "x"}, "f[...]"},
		"on the keys of a map to booleans":    {map[CourseKey]bool{"": true}, "f[...]"},
		"on named strings in a map":           {map[string]CourseKey{"a": ""}, "f[...]"},
		"with valid items":                    {[]evenValue{2, 4}, ""},
		"not on a null":                       {(*evenValue)(nil), ""},
		"with valid keys and values of a map": {map[CourseKey]evenValue{"a": 2}, ""},
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
				var rejected *shape.FieldError
				require.ErrorAs(t, err, &rejected)
				require.Equal(t, c.path, rejected.Path)
				require.True(t, errors.Is(err, errOdd) || errors.Is(err, errEmptyKey))
			}
		})
	}
}

// keeper has a method that keeps its receiver's text.
type keeper struct {
	text string
	kept *[]string
}

func (k keeper) MarshalText() ([]byte, error) {
	*k.kept = append(*k.kept, k.text)
	return nil, nil
}

type pointerKeeper struct {
	text string
	kept *[]*pointerKeeper
}

func (k *pointerKeeper) MarshalText() ([]byte, error) {
	*k.kept = append(*k.kept, k)
	return nil, nil
}

func TestTextMethodsMayKeepTheirReceiver(t *testing.T) {
	t.Parallel()
	type event struct {
		Value   keeper        `avro:"value"`
		Pointer pointerKeeper `avro:"pointer"`
	}
	compiled, err := shape.Compile(reflect.TypeFor[event]())
	require.NoError(t, err)
	var kept []string
	var keptPointers []*pointerKeeper
	encode := func(text []byte) {
		// A short string of bytes is on the stack unless it escapes.
		data := event{keeper{string(text), &kept}, pointerKeeper{string(text), &keptPointers}}
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

func TestStackMayGrowDuringEncoding(t *testing.T) {
	t.Parallel()
	type event struct {
		Deep  stackUser `avro:"deep"`
		After string    `avro:"after"`
	}
	compiled, err := shape.Compile(reflect.TypeFor[event]())
	require.NoError(t, err)
	done := make(chan string)
	go func() { // with a new, small stack
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

func TestEncodingReportsFaultsOfTextForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"an error of MarshalText":          {failingText{}, "f: invalid text"},
		"text that is not UTF-8":           {TextKey("a\xff"), "f: found invalid UTF-8; want text in UTF-8"},
		"AppendText that drops the prefix": {droppingText{}, "f: AppendText returned fewer bytes than it received"},
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
	failingText  struct{}
	droppingText struct{}
)

func (failingText) MarshalText() ([]byte, error)       { return nil, errors.New("invalid text") }
func (droppingText) AppendText([]byte) ([]byte, error) { return nil, nil }

func TestRefValueReturnsACopy(t *testing.T) {
	t.Parallel()
	data := CourseData{DisplayName: "before"}
	got := shape.RefOf(&data).Value(reflect.TypeFor[CourseData]())
	data.DisplayName = "after"
	require.Equal(t, CourseData{DisplayName: "before"}, got)
}
