package shape_test

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

type (
	Point     struct{ X, Y int }
	Recursive struct {
		Children []Recursive `avro:"children"`
	}
	RecursiveMap map[string]RecursiveMap
	Box[T any]   struct {
		Value T `avro:"value"`
	}
	Ünïcode    struct{}
	CloudEvent struct{}
	Taken      struct {
		_ struct{} `avro:"CourseData"`
	}
	BoxedInt struct {
		Box[int]
	}
	Stamp   time.Time
	TextKey string
)

func (k TextKey) MarshalText() ([]byte, error) { return []byte(k), nil }

func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	const path = "F"
	for name, c := range map[string]struct {
		value any
		want  []shape.Fault
	}{
		"a type that is no struct": {
			7, []shape.Fault{{"", "found int; event data is a struct"}},
		},
		"a pointer to a struct": {
			&CourseData{}, []shape.Fault{{"", "found *shape_test.CourseData; event data"}},
		},
		"a time as event data": {
			time.Time{}, []shape.Fault{{"", "found time.Time, which is written as text"}},
		},
		"a generic type as event data": {
			Box[int]{}, []shape.Fault{{"", "generic type"}},
		},
		"a field without a name": {
			struct{ F int }{}, []shape.Fault{{path, "without a wire name"}},
		},
		"a field with options but without a name": {
			struct {
				F int `json:",omitempty"`
			}{}, []shape.Fault{{path, "without a wire name"}},
		},
		"a field with a name that Avro refuses": {
			struct {
				F int `avro:"first-name"`
			}{}, []shape.Fault{{path, `wire name "first-name"`}},
		},
		"a field with a name that starts with a digit": {
			struct {
				F int `avro:"1st"`
			}{}, []shape.Fault{{path, `wire name "1st"`}},
		},
		"a dash with a comma, which is a name": {
			struct {
				F int `avro:"-,"`
			}{}, []shape.Fault{{path, `wire name "-"`}},
		},
		"an unexported field": {
			struct {
				f int `avro:"f"`
			}{}, []shape.Fault{{"f", "unexported"}},
		},
		"a name twice": {
			struct {
				F int `avro:"x"`
				G int `json:"x"`
			}{}, []shape.Fault{{"G", `wire name "x" is taken by F`}},
		},
		"a name twice, once in an embedded struct": {
			struct {
				CourseData
				G string `avro:"display_name"`
			}{}, []shape.Fault{{"G", `wire name "display_name" is taken by CourseData.DisplayName`}},
		},
		"an embedded pointer": {
			struct{ *CourseData }{}, []shape.Fault{{"CourseData", "embedded pointer"}},
		},
		"an embedded time without a name": {
			struct{ time.Time }{}, []shape.Fault{{"Time", "embedded time.Time"}},
		},
		"an embedded string without a name": {
			struct{ CourseKey }{}, []shape.Fault{{"CourseKey", "embedded shape_test.CourseKey"}},
		},
		"uint":       {field[uint](), []shape.Fault{{path, "found uint; its values may exceed"}}},
		"uint64":     {field[uint64](), []shape.Fault{{path, "use int64"}}},
		"uintptr":    {field[uintptr](), []shape.Fault{{path, "found uintptr"}}},
		"complex128": {field[complex128](), []shape.Fault{{path, "found complex128"}}},
		"an interface": {
			field[any](), []shape.Fault{{path, "found interface {}; its schema is not known"}},
		},
		"an interface with a text form": {
			field[encoding.TextMarshaler](), []shape.Fault{{path, "found encoding.TextMarshaler"}},
		},
		"a function":        {field[func()](), []shape.Fault{{path, "found func()"}}},
		"a channel":         {field[chan int](), []shape.Fault{{path, "found chan int"}}},
		"an unsafe pointer": {field[unsafe.Pointer](), []shape.Fault{{path, "found unsafe.Pointer"}}},
		"an array":          {field[[3]int](), []shape.Fault{{path, "found [3]int; use a slice"}}},
		"a duration":        {field[time.Duration](), []shape.Fault{{path, "found time.Duration, whose unit"}}},
		"a named time": {
			field[Stamp](), []shape.Fault{
				{"F.wall", "unexported"}, {"F.ext", "unexported"}, {"F.loc", "unexported"},
			},
		},
		"a pointer to a pointer": {
			field[**int](), []shape.Fault{{path, "found **int; a value can be null in one way only, use *int"}},
		},
		"a map with other keys": {
			field[map[int]string](), []shape.Fault{{path, "keys of type int"}},
		},
		"a map with keys of a text form": {
			field[map[TextKey]string](), []shape.Fault{{path, "has a text form of its own"}},
		},
		"a struct without a name": {
			field[struct {
				A int `avro:"a"`
			}](), []shape.Fault{{path, "struct without a name"}},
		},
		"a generic type as a record": {
			field[Box[int]](), []shape.Fault{{path, "generic type"}},
		},
		"a record name that Avro refuses": {
			field[Ünïcode](), []shape.Fault{{path, "record name \"Ünïcode\""}},
		},
		"a record name that is an Avro type": {
			field[struct {
				_ struct{} `avro:"string"`
			}](), []shape.Fault{{path, `record name "string" is the name of an Avro type`}},
		},
		"a record with the name of the event": {
			field[CloudEvent](), []shape.Fault{{path, `record name "CloudEvent"`}},
		},
		"two types under one record name": {
			struct {
				F CourseData `avro:"f"`
				G Taken      `avro:"g"`
			}{}, []shape.Fault{{"G", `record name "CourseData" of shape_test.Taken is taken by shape_test.CourseData`}},
		},
		"recursion": {
			field[Recursive](), []shape.Fault{{"F.Children[]", "shape_test.Recursive contains itself"}},
		},
		"recursion without a struct": {
			field[RecursiveMap](), []shape.Fault{{"F[...]", "shape_test.RecursiveMap contains itself"}},
		},
		"event data within itself": {
			Recursive{}, []shape.Fault{{"Children[]", "contains itself"}},
		},
		"every fault at once, in the order of fields": {
			struct {
				Z Point               `avro:"z"`
				Y []any               `avro:"y"`
				X map[string]chan int `avro:"x"`
				W struct {
					_ struct{} `avro:"W"`
					V uint     `avro:"v"`
				} `avro:"w"`
			}{}, []shape.Fault{
				{"Z.X", "without a wire name"},
				{"Z.Y", "without a wire name"},
				{"Y[]", "found interface {}"},
				{"X[...]", "found chan int"},
				{"W.V", "found uint"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goType := reflect.TypeOf(c.value)
			_, err := shape.Compile(goType)
			var refused *shape.TypeError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, goType, refused.Type)
			require.Len(t, refused.Faults, len(c.want), "%v", err)
			for i, want := range c.want {
				require.Equal(t, want.Path, refused.Faults[i].Path)
				require.Contains(t, refused.Faults[i].Problem, want.Problem)
				require.Contains(t, err.Error(), refused.Faults[i].Problem)
			}
		})
	}
}

// field returns event data with one field F of type T.
func field[T any]() any {
	return reflect.New(oneField(reflect.TypeFor[T]())).Elem().Interface()
}

// oneField returns a struct type with one field F, f on the wire.
func oneField(t reflect.Type) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "F", Type: t, Tag: `avro:"f"`}})
}

func TestSchemaOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string // the fields
	}{
		"no field":           {struct{}{}, `[]`},
		"a boolean":          {field[bool](), `[{"name": "f", "type": "boolean"}]`},
		"an int":             {field[int](), `[{"name": "f", "type": "long"}]`},
		"an int8":            {field[int8](), `[{"name": "f", "type": "long"}]`},
		"a uint8":            {field[uint8](), `[{"name": "f", "type": "long"}]`},
		"a uint32":           {field[uint32](), `[{"name": "f", "type": "long"}]`},
		"a named integer":    {field[time.Month](), `[{"name": "f", "type": "long"}]`},
		"a float32":          {field[float32](), `[{"name": "f", "type": "double"}]`},
		"a float64":          {field[float64](), `[{"name": "f", "type": "double"}]`},
		"a named string":     {field[CourseKey](), `[{"name": "f", "type": "string"}]`},
		"bytes":              {field[[]byte](), `[{"name": "f", "type": "bytes"}]`},
		"a time":             {field[time.Time](), `[{"name": "f", "type": "string"}]`},
		"a text type":        {field[TextKey](), `[{"name": "f", "type": "string"}]`},
		"a list of lists":    {field[[][]int](), `[{"name": "f", "type": {"items": {"items": "long", "type": "array"}, "type": "array"}}]`},
		"a list of pointers": {field[[]*int](), `[{"name": "f", "type": {"items": ["null", "long"], "type": "array"}}]`},
		"a map of pointers":  {field[map[CourseKey]*bool](), `[{"name": "f", "type": {"type": "map", "values": ["null", "boolean"]}}]`},
		"a nullable list":    {field[*[]string](), `[{"default": null, "name": "f", "type": ["null", {"items": "string", "type": "array"}]}]`},
		"a record used twice, defined once": {
			struct {
				F *Taken           `avro:"f"`
				G map[string]Taken `avro:"g"`
			}{},
			`[{"default": null, "name": "f", "type": ["null", {"fields": [], "name": "CourseData", "type": "record"}]},` +
				` {"name": "g", "type": {"type": "map", "values": "CourseData"}}]`,
		},
		"the avro tag before the json tag, and no option": {
			struct {
				F int `avro:"a,omitempty" json:"b"`
				G int `json:"c,omitempty,string"`
				H int `avro:",x" json:"d"`
			}{},
			`[{"name": "a", "type": "long"}, {"name": "c", "type": "long"}, {"name": "d", "type": "long"}]`,
		},
		"fields left off the wire": {
			struct {
				F int    `avro:"f"`
				_ func() // blank
				G func() `avro:"-" json:"g"`
				H func() `json:"-"`
				i func() `avro:"-"`
			}{},
			`[{"name": "f", "type": "long"}]`,
		},
		"an embedded struct in its place": {
			struct {
				F     int `avro:"f"`
				Taken     // no fields, and its record name means nothing here
				base
				G int `avro:"g"`
			}{},
			`[{"name": "f", "type": "long"}, {"name": "inner", "type": "boolean"}, {"name": "g", "type": "long"}]`,
		},
		"an embedded generic struct": {
			struct{ BoxedInt }{}, `[{"name": "value", "type": "long"}]`,
		},
		"an embedded struct with a name of its own": {
			struct {
				Taken     `avro:"taken"`
				time.Time `avro:"at"`
			}{},
			`[{"name": "taken", "type": {"fields": [], "name": "CourseData", "type": "record"}}, {"name": "at", "type": "string"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compiled, err := shape.Compile(reflect.TypeOf(c.value))
			require.NoError(t, err)
			want := `{"doc": "Avro Event Format for CloudEvents created with openedx_events/schema", "fields": ` + c.want +
				`, "name": "CloudEvent", "namespace": "org.example.v1", "type": "record"}`
			require.Equal(t, want, compiled.Schema("org.example.v1"))
		})
	}
}

type base struct {
	Inner bool `avro:"inner"`
}

func TestRecordsOfManyReferencesAreDefinedOnce(t *testing.T) {
	t.Parallel()
	// Each type refers to the one before it twice.
	goType := reflect.TypeFor[[]string]()
	for i := range 10 {
		goType = reflect.SliceOf(reflect.StructOf([]reflect.StructField{
			{Name: "_", PkgPath: "test", Type: reflect.TypeFor[struct{}](), Tag: reflect.StructTag(fmt.Sprintf(`avro:"R%d"`, i))},
			{Name: "A", Type: goType, Tag: `avro:"a"`},
			{Name: "B", Type: goType, Tag: `avro:"b"`},
		}))
	}
	compiled, err := shape.Compile(oneField(goType))
	require.NoError(t, err)
	require.Equal(t, 10, strings.Count(compiled.Schema("x"), `"fields"`)-1)
}
