package avro_test

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	twmb "github.com/twmb/avro"

	"github.com/signalcast/signalcast/internal/shape"
)

// FuzzWriter makes a value of a type, and a writer's schema that differs from that of the type: in the
// order and number of its fields, in the names of inner records, and in its unions. A second library encodes the value with that schema. The decoder must read the value again, and must
// survive the same bytes with one of them changed.
func FuzzWriter(f *testing.F) {
	all := subjects(f)
	random := rand.NewChaCha8([32]byte{1})
	for i := range all {
		for range 20 {
			seed := make([]byte, 600)
			_, _ = random.Read(seed)
			f.Add(byte(i), seed)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, seed []byte) {
		all[int(which)%len(all)].checkWriter(t, seed)
	})
}

func (s subject) checkWriter(t *testing.T, seed []byte) {
	t.Helper()
	middle := len(seed) / 2
	data := reflect.New(s.goType).Elem()
	(&generator{bytes: seed[:middle]}).fill(data)
	value := plain(data)
	var own any
	require.NoError(t, json.Unmarshal([]byte(s.schema.Text), &own))
	w := writer{g: &generator{bytes: seed[middle:]}, defined: map[string]any{}}
	root := w.typeOf(own)
	root.schema.(map[string]any)["name"] = namespace + ".CloudEvent"
	text, err := json.Marshal(root.schema)
	require.NoError(t, err)

	second, err := twmb.Parse(string(text))
	require.NoError(t, err, "%s", text)
	encoded, err := second.Encode(root.written(value))
	require.NoError(t, err, "%s", text)

	schema, err := shape.ParseSchema(string(text))
	require.NoError(t, err, "%s", text)
	reader, err := s.shape.AvroReader(schema, namespace+".CloudEvent")
	require.NoError(t, err, "%s", text)
	got := reflect.New(s.goType).Elem()
	require.NoError(t, reader.Decode(encoded, shape.RefOfValue(got)), "%s", text)
	require.Equal(t, exact(root.read(value)), exact(plain(got)), "%s", text)

	if len(encoded) > 0 {
		encoded[int(w.g.uint64()%uint64(len(encoded)))] ^= 1 << w.g.below(8)
		_ = reader.Decode(encoded, shape.RefOfValue(reflect.New(s.goType).Elem()))
	}
}

// writer makes a writer's schema from that of a type. Each of its records has another name.
type writer struct {
	g       *generator
	defined map[string]any // the records of the type, by name
	names   int
}

// writerType is one type of a writer's schema.
type writerType struct {
	schema any // as JSON
	kind   string
	elem   *writerType // of an array, a map or a union
	fields []writerField
}

type writerField struct {
	name    string
	of      *writerType
	missing bool // in the writer's schema
	extra   any  // the value of a field that the type does not have
}

func (w *writer) name() string {
	w.names++
	return "n" + strconv.Itoa(w.names)
}

// typeOf returns the type of the writer for a type in the schema of package shape.
func (w *writer) typeOf(own any) *writerType {
	switch s := own.(type) {
	case string:
		if record := w.defined[s]; record != nil {
			return w.typeOf(record)
		}
		t := &writerType{schema: s, kind: s}
		if w.g.below(4) == 0 {
			t.schema = map[string]any{"type": s, "note": "ignored"}
		}
		return t
	case []any: // of null and another type
		t := &writerType{kind: "union", elem: w.typeOf(s[1])}
		branches := []any{"null", t.elem.schema}
		if w.g.below(2) == 0 {
			slices.Reverse(branches)
		}
		if t.elem.kind != "string" && w.g.below(4) == 0 {
			branches = append([]any{map[string]any{"type": "enum", "name": w.name(), "symbols": []string{"A"}}}, branches...)
		}
		t.schema = branches
		return t
	}
	object, _ := own.(map[string]any)
	switch object["type"] {
	case "array":
		items := w.typeOf(object["items"])
		return &writerType{schema: map[string]any{"type": "array", "items": items.schema}, kind: "array", elem: items}
	case "map":
		values := w.typeOf(object["values"])
		return &writerType{schema: map[string]any{"type": "map", "values": values.schema}, kind: "map", elem: values}
	}
	return w.record(object)
}

func (w *writer) record(own map[string]any) *writerType {
	w.defined[own["name"].(string)] = own
	t := &writerType{kind: "record"}
	for _, document := range own["fields"].([]any) {
		attributes := document.(map[string]any)
		f := writerField{name: attributes["name"].(string), of: w.typeOf(attributes["type"])}
		switch f.of.kind {
		case "union", "array", "map":
			f.missing = w.g.below(4) == 0
		}
		t.fields = append(t.fields, f)
		if w.g.below(3) == 0 {
			t.fields = append(t.fields, w.extra())
		}
	}
	for i := range t.fields { // in another order
		j := w.g.below(len(t.fields))
		t.fields[i], t.fields[j] = t.fields[j], t.fields[i]
	}
	fields := []any{}
	for _, f := range t.fields {
		if !f.missing {
			fields = append(fields, map[string]any{"name": f.name, "type": f.of.schema})
		}
	}
	t.schema = map[string]any{"type": "record", "name": w.name(), "fields": fields}
	return t
}

// extra returns a field that the type does not have.
func (w *writer) extra() writerField {
	all := []struct{ schema, value any }{
		{"null", nil},
		{"boolean", true},
		{"int", int32(-70000)},
		{"long", int64(1) << 62},
		{"float", float32(1.5)},
		{"double", 1.5},
		{"string", "skipped"},
		{"bytes", []byte("skipped")},
		{map[string]any{"type": "fixed", "name": w.name(), "size": 3}, []byte("abc")},
		{map[string]any{"type": "enum", "name": w.name(), "symbols": []string{"A", "B"}}, "B"},
		{map[string]any{"type": "array", "items": "string"}, []any{"a", "b"}},
		{map[string]any{"type": "map", "values": "float"}, map[string]any{"a": float32(1)}},
		{[]any{"null", "long"}, int64(7)},
		{map[string]any{"type": "record", "name": w.name(), "fields": []any{map[string]any{"name": "a", "type": "string"}}}, map[string]any{"a": "b"}},
	}
	pick := all[w.g.below(len(all))]
	return writerField{name: w.name(), of: &writerType{schema: pick.schema, kind: "extra"}, extra: pick.value}
}

// written returns what the writer writes for a plain value of the type.
func (t *writerType) written(value any) any {
	return t.transform(value, func(f writerField, value any) (any, bool) {
		if f.of.kind == "extra" {
			return f.extra, true
		}
		return f.of.written(value), !f.missing
	}, (*writerType).written)
}

// read returns what a reader of the type reads from it.
func (t *writerType) read(value any) any {
	return t.transform(value, func(f writerField, value any) (any, bool) {
		switch {
		case f.missing && f.of.kind == "array":
			return []any{}, true
		case f.missing && f.of.kind == "map":
			return map[string]any{}, true
		case f.missing:
			return nil, true
		default:
			return f.of.read(value), f.of.kind != "extra"
		}
	}, (*writerType).read)
}

// transform returns a copy of a plain value. field returns the value of a field and whether the record has
// it, and inner the value in a list, map or union.
func (t *writerType) transform(value any, field func(writerField, any) (any, bool), inner func(*writerType, any) any) any {
	switch v := value.(type) {
	case []any:
		if t.kind == "array" {
			list := []any{}
			for _, item := range v {
				list = append(list, inner(t.elem, item))
			}
			return list
		}
	case map[string]any:
		result := map[string]any{}
		switch t.kind {
		case "map":
			for key, item := range v {
				result[key] = inner(t.elem, item)
			}
			return result
		case "record":
			for _, f := range t.fields {
				if item, has := field(f, v[f.name]); has {
					result[f.name] = item
				}
			}
			return result
		}
	}
	if t.kind == "union" && value != nil {
		return inner(t.elem, value)
	}
	return value
}
