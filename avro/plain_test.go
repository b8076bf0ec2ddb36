package avro_test

import (
	"encoding"
	"math"
	"reflect"
	"strings"
	"time"

	hamba "github.com/hamba/avro/v2"

	"github.com/signalcast/signalcast"
)

// plain returns the value that a consumer decodes for v. It does not use an encoder.
func plain(v reflect.Value) any {
	switch value := v.Interface().(type) {
	case time.Time:
		return isoFormat(value)
	case encoding.TextMarshaler:
		if v.Kind() != reflect.Pointer {
			text, _ := value.MarshalText()
			return string(text)
		}
	case []byte:
		return append([]byte{}, value...)
	}
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(v.Uint())
	case reflect.Float32, reflect.Float64:
		return v.Float()
	case reflect.String:
		return v.String()
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return plain(v.Elem())
	case reflect.Slice:
		list := []any{}
		for _, item := range v.Seq2() {
			list = append(list, plain(item))
		}
		return list
	case reflect.Map:
		mapping := map[string]any{}
		for key, value := range v.Seq2() {
			mapping[key.String()] = plain(value)
		}
		return mapping
	case reflect.Struct:
		record := map[string]any{}
		addFields(record, v)
		return record
	default:
		return v.Int()
	}
}

func addFields(record map[string]any, v reflect.Value) {
	for f, value := range v.Fields() {
		switch {
		case f.Name == "_":
		case f.Anonymous:
			addFields(record, value)
		default:
			record[f.Tag.Get("avro")+f.Tag.Get("json")] = plain(value)
		}
	}
}

func isoFormat(t time.Time) string {
	layout := "2006-01-02T15:04:05"
	if t.Nanosecond() >= 1000 {
		layout += ".000000"
	}
	_, offset := t.Zone()
	switch {
	case t.Location() == signalcast.Naive():
	case offset%60 == 0:
		layout += "-07:00"
	default:
		layout += "-07:00:00"
	}
	return t.Format(layout)
}

// field returns the value at a dotted path in a plain value.
func field(value any, path string) any {
	for name := range strings.SplitSeq(path, ".") {
		value = value.(map[string]any)[name]
	}
	return value
}

// tagged returns a plain value in the form of hamba/avro: a record, list or map in a union is
// wrapped in a map with the name of its type.
func tagged(schema hamba.Schema, value any) any {
	switch s := schema.(type) {
	case *hamba.RefSchema:
		return tagged(s.Schema(), value)
	case *hamba.RecordSchema:
		record := map[string]any{}
		for _, f := range s.Fields() {
			record[f.Name()] = tagged(f.Type(), value.(map[string]any)[f.Name()])
		}
		return record
	case *hamba.ArraySchema:
		list := []any{}
		for _, item := range value.([]any) {
			list = append(list, tagged(s.Items(), item))
		}
		return list
	case *hamba.MapSchema:
		mapping := map[string]any{}
		for key, item := range value.(map[string]any) {
			mapping[key] = tagged(s.Values(), item)
		}
		return mapping
	case *hamba.UnionSchema:
		if value == nil {
			return nil
		}
		branch := s.Types()[1]
		value = tagged(branch, value)
		if ref, ok := branch.(*hamba.RefSchema); ok {
			branch = ref.Schema()
		}
		switch branch := branch.(type) {
		case hamba.NamedSchema:
			return map[string]any{branch.FullName(): value}
		case *hamba.ArraySchema, *hamba.MapSchema:
			return map[string]any{string(branch.Type()): value}
		}
	}
	return value
}

type floatBits uint64

// exact replaces floats with their bits, so that NaN equals NaN and -0 does not equal 0.
func exact(value any) any {
	switch v := value.(type) {
	case float64:
		return floatBits(math.Float64bits(v))
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = exact(v[i])
		}
		return list
	case map[string]any:
		mapping := make(map[string]any, len(v))
		for key := range v {
			mapping[key] = exact(v[key])
		}
		return mapping
	default:
		return value
	}
}
