package avro_test

import (
	"reflect"
	"time"
)

// sampleTypes returns event data types that together have every Avro type of signals.
func sampleTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[Scalars](),
		reflect.TypeFor[Nullables](),
		reflect.TypeFor[Collections](),
		reflect.TypeFor[CoursePublished](),
		reflect.TypeFor[Nothing](),
	}
}

type Level string

// Title has a text form.
type Title struct{ Text string }

func (t Title) MarshalText() ([]byte, error) { return []byte(t.Text), nil }

func (t *Title) UnmarshalText(text []byte) error {
	t.Text = string(text)
	return nil
}

type Scalars struct {
	Boolean bool      `avro:"boolean"`
	Int     int       `avro:"int_"`
	Int64   int64     `avro:"int64"`
	Int32   int32     `avro:"int32"`
	Int16   int16     `avro:"int16"`
	Int8    int8      `avro:"int8"`
	Uint32  uint32    `avro:"uint32"`
	Uint16  uint16    `avro:"uint16"`
	Uint8   uint8     `avro:"uint8"`
	Float64 float64   `avro:"float64"`
	Float32 float32   `avro:"float32"`
	Text    string    `avro:"text"`
	Level   Level     `avro:"level"`
	Bytes   []byte    `avro:"bytes_"`
	Time    time.Time `avro:"time"`
	Title   Title     `avro:"title"`
}

type Nullables struct {
	Boolean  *bool             `avro:"boolean"`
	Int      *int64            `avro:"int_"`
	Small    *uint16           `avro:"small"`
	Float    *float64          `avro:"float_"`
	Text     *string           `avro:"text"`
	Level    *Level            `avro:"level"`
	Bytes    *[]byte           `avro:"bytes_"`
	Time     *time.Time        `avro:"time"`
	Title    *Title            `avro:"title"`
	List     *[]string         `avro:"list"`
	Map      *map[string]int64 `avro:"map_"`
	Author   *Person           `avro:"author"`
	Reviewer *Person           `avro:"reviewer"`
}

type Collections struct {
	Texts     []string                      `avro:"texts"`
	Ints      []int32                       `avro:"ints"`
	Blobs     [][]byte                      `avro:"blobs"`
	Times     []time.Time                   `avro:"times"`
	Maybes    []*string                     `avro:"maybes"`
	People    []Person                      `avro:"people"`
	Grid      [][]float64                   `avro:"grid"`
	Empties   []Nothing                     `avro:"empties"`
	Labels    map[string]string             `avro:"labels"`
	Levels    map[Level]Level               `avro:"levels"`
	Flags     map[string]bool               `avro:"flags"`
	ByName    map[string]Person             `avro:"by_name"`
	Filters   map[string][]string           `avro:"filters"`
	Parts     []map[string]string           `avro:"parts"`
	MaybeMaps map[string]*map[string]*int64 `avro:"maybe_maps"`
}

// CoursePublished has nested records, an embedded struct, and a record that occurs twice.
type CoursePublished struct {
	Course    Course    `avro:"course"`
	Publisher Person    `avro:"publisher"`
	Editors   []*Person `avro:"editors"`
}

type Course struct {
	_ struct{} `avro:"CourseData"`
	Audit

	Key      Level  `json:"course_key"`
	Owner    Person `json:"owner"`
	Previous *Title `json:"previous"`
}

type Audit struct {
	Created  time.Time `avro:"created"`
	Modified time.Time `avro:"modified"`
}

type Person struct {
	ID   int64  `avro:"id"`
	Name string `avro:"name"`
}

type Nothing struct{}
