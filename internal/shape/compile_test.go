package shape_test

import (
	"database/sql"
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

func TestCompileReportsTypesThatCannotBeEventData(t *testing.T) {
	t.Parallel()
	const path = "F"
	for name, c := range map[string]struct {
		value any
		want  []fault
	}{
		"a type that is not a struct": {
			7, []fault{{"", "found int; want a struct whose fields"}},
		},
		"a pointer to a struct": {
			&CourseData{}, []fault{{"", "found *shape_test.CourseData; want a struct"}},
		},
		"a time as event data": {
			time.Time{}, []fault{{"", "found time.Time, which is written as text"}},
		},
		"a generic type as event data": {
			Box[int]{}, []fault{{"", "generic type"}},
		},
		"a field without a name": {
			struct{ F int }{}, []fault{{path, "without a wire name"}},
		},
		"a field with options but without a name": {
			struct {
				F int `json:",omitempty"`
			}{}, []fault{{path, "without a wire name"}},
		},
		"a field with a name that Avro does not allow": {
			struct {
				F int `avro:"first-name"`
			}{}, []fault{{path, `wire name "first-name"`}},
		},
		"a field with a name that starts with a digit": {
			struct {
				F int `avro:"1st"`
			}{}, []fault{{path, `wire name "1st"`}},
		},
		"a dash with a comma, which is a name": {
			struct {
				F int `avro:"-,"`
			}{}, []fault{{path, `wire name "-"`}},
		},
		"an unexported field": {
			struct {
				f int `avro:"f"`
			}{}, []fault{{"f", "unexported"}},
		},
		"a duplicate name": {
			struct {
				F int `avro:"x"`
				G int `json:"x"`
			}{}, []fault{{"G", `wire name "x", also that of F`}},
		},
		"a duplicate name in an embedded struct": {
			struct {
				CourseData
				G string `avro:"display_name"`
			}{}, []fault{{"G", `wire name "display_name", also that of CourseData.DisplayName`}},
		},
		"an embedded pointer": {
			struct{ *CourseData }{}, []fault{{"CourseData", "embedded pointer"}},
		},
		"an embedded time without a name": {
			struct{ time.Time }{}, []fault{{"Time", "embedded time.Time"}},
		},
		"an embedded string without a name": {
			struct{ CourseKey }{}, []fault{{"CourseKey", "embedded shape_test.CourseKey"}},
		},
		"uint":       {field[uint](), []fault{{path, "found uint; want int64, uint32 or string"}}},
		"uint64":     {field[uint64](), []fault{{path, "want int64"}}},
		"uintptr":    {field[uintptr](), []fault{{path, "found uintptr"}}},
		"complex128": {field[complex128](), []fault{{path, "found complex128"}}},
		"an interface": {
			field[any](), []fault{{path, "found interface {}; want a concrete type"}},
		},
		"an interface with a text form": {
			field[encoding.TextMarshaler](), []fault{{path, "found encoding.TextMarshaler"}},
		},
		"a function":        {field[func()](), []fault{{path, "found func()"}}},
		"a channel":         {field[chan int](), []fault{{path, "found chan int"}}},
		"an unsafe pointer": {field[unsafe.Pointer](), []fault{{path, "found unsafe.Pointer"}}},
		"an array":          {field[[3]int](), []fault{{path, "found [3]int; want a slice"}}},
		"a duration":        {field[time.Duration](), []fault{{path, "found time.Duration, which has no unit"}}},
		"a named time": {
			field[Stamp](), []fault{
				{"F.wall", "unexported"}, {"F.ext", "unexported"}, {"F.loc", "unexported"},
			},
		},
		"a pointer to a pointer": {
			field[**int](), []fault{{path, "found **int; want *int"}},
		},
		"a map with other keys": {
			field[map[int]string](), []fault{{path, "keys of type int"}},
		},
		"a map with keys of a text form": {
			field[map[TextKey]string](), []fault{{path, "which has a text form"}},
		},
		"a struct without a name": {
			field[struct {
				A int `avro:"a"`
			}](), []fault{{path, "found an anonymous struct; want a declared struct type"}},
		},
		"a generic type as a record": {
			field[Box[int]](), []fault{{path, "generic type"}},
		},
		"a record name that Avro does not allow": {
			field[Ünïcode](), []fault{{path, "record name \"Ünïcode\""}},
		},
		"a record name that is an Avro type": {
			field[struct {
				_ struct{} `avro:"string"`
			}](), []fault{{path, `record name "string", which is an Avro type`}},
		},
		"a record with the name of the event": {
			field[CloudEvent](), []fault{{path, `record name "CloudEvent"`}},
		},
		"two types with one record name": {
			struct {
				F CourseData `avro:"f"`
				G Taken      `avro:"g"`
			}{}, []fault{{"G", `record name "CourseData" of shape_test.Taken, also the name of shape_test.CourseData`}},
		},
		"recursion": {
			field[Recursive](), []fault{{"F.Children[]", "shape_test.Recursive, which contains itself"}},
		},
		"recursion without a struct": {
			field[RecursiveMap](), []fault{{"F[...]", "shape_test.RecursiveMap, which contains itself"}},
		},
		"event data within itself": {
			Recursive{}, []fault{{"Children[]", "contains itself"}},
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
			}{}, []fault{
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
			var rejected *shape.TypeError
			require.ErrorAs(t, err, &rejected)
			require.Equal(t, goType, rejected.Type)
			require.Len(t, rejected.Fields, len(c.want), "%v", err)
			for i, want := range c.want {
				require.Equal(t, want.path, rejected.Fields[i].Path)
				require.Contains(t, rejected.Fields[i].Error(), want.text)
				require.NotEmpty(t, rejected.Fields[i].Want)
				require.Contains(t, err.Error(), rejected.Fields[i].Error())
			}
		})
	}
}

// fault is the path of a fault and part of its text.
type fault struct{ path, text string }

func TestCompileReportsEveryFieldOfAFaultyType(t *testing.T) {
	t.Parallel()
	type inner struct {
		Bad any `avro:"bad"`
	}
	_, err := shape.Compile(reflect.TypeFor[struct {
		A any            `avro:"a"`
		B map[string]any `avro:"b"`
		C []any          `avro:"c"`
		D *any           `avro:"d"`
		E uint64         `avro:"e"`
		F []uint64       `avro:"f"`
		G inner          `avro:"g"`
		H []inner        `avro:"h"`
	}]())
	var rejected *shape.TypeError
	require.ErrorAs(t, err, &rejected)
	var paths []string
	for _, f := range rejected.Fields {
		paths = append(paths, f.Path)
	}
	require.Equal(t, []string{"A", "B[...]", "C[]", "D", "E", "F[]", "G.Bad", "H[].Bad"}, paths)
}

func TestCompileReportsAtMostAThousandFaults(t *testing.T) {
	t.Parallel()
	faulty := reflect.TypeFor[any]()
	for range 5 { // makes 4^5 fields at fault
		var fields []reflect.StructField
		for i := range 4 {
			name := string(rune('A' + i))
			fields = append(fields, reflect.StructField{Name: name, Type: faulty, Tag: reflect.StructTag(`avro:"` + name + `"`)})
		}
		faulty = reflect.StructOf(fields)
	}
	_, err := shape.Compile(faulty)
	var rejected *shape.TypeError
	require.ErrorAs(t, err, &rejected)
	require.Len(t, rejected.Fields, 1000)
}

func TestCompileRejectsTypesWithAFieldValid(t *testing.T) {
	t.Parallel()
	_, err := shape.Compile(reflect.TypeFor[struct {
		Amount nullText        `avro:"amount"`
		Name   sql.NullString  `avro:"name"`
		Count  sql.Null[int64] `avro:"count"`
		Times  []sql.NullTime  `avro:"times"`
		Ticket ticket          `avro:"ticket"`
	}]())
	var rejected *shape.TypeError
	require.ErrorAs(t, err, &rejected)
	var found []string
	for _, f := range rejected.Fields {
		require.Equal(t, "a pointer to the type that it wraps", f.Want)
		found = append(found, f.Path+": "+f.Found)
	}
	require.Equal(t, []string{
		"Amount: found shape_test.nullText, which would not be null on the wire",
		"Name: found sql.NullString, which would not be null on the wire",
		"Count: found sql.Null[int64], which would not be null on the wire",
		"Times[]: found sql.NullTime, which would not be null on the wire",
	}, found)
}

// ticket has a field Valid that is on the wire.
type ticket struct {
	Valid bool `avro:"valid"`
}

// nullText has the methods and fields of decimal.NullDecimal and uuid.NullUUID.
type nullText struct {
	Value string
	Valid bool
}

func (n nullText) MarshalText() ([]byte, error) { return []byte(n.Value), nil }

// field returns event data with one field F of type T.
func field[T any]() any {
	return reflect.New(oneField(reflect.TypeFor[T]())).Elem().Interface()
}

// oneField returns a struct type with one field F, whose wire name is f.
func oneField(t reflect.Type) reflect.Type {
	return reflect.StructOf([]reflect.StructField{{Name: "F", Type: t, Tag: `avro:"f"`}})
}

func TestSchemaOfEveryForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string // the fields of the record
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
		"the avro tag before the json tag, without options": {
			struct {
				F int `avro:"a,omitempty" json:"b"`
				G int `json:"c,omitempty,string"`
				H int `avro:",x" json:"d"`
			}{},
			`[{"name": "a", "type": "long"}, {"name": "c", "type": "long"}, {"name": "d", "type": "long"}]`,
		},
		"omitted fields": {
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
				Taken     // has no fields; its record name has no effect
				base
				G int `avro:"g"`
			}{},
			`[{"name": "f", "type": "long"}, {"name": "inner", "type": "boolean"}, {"name": "g", "type": "long"}]`,
		},
		"an embedded generic struct": {
			struct{ BoxedInt }{}, `[{"name": "value", "type": "long"}]`,
		},
		"an embedded struct with a tag": {
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

func TestSchemaDefinesEveryRecordOnce(t *testing.T) {
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
