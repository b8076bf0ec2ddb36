package shape_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/shape"
)

// hostile is event data whose value takes much more memory than its bytes.
type hostile struct {
	ID      int64                        `avro:"id"`
	Wide    []wide                       `avro:"wide"`
	Flags   map[string]bool              `avro:"flags"`
	Nested  [][][]string                 `avro:"nested"`
	Maps    []map[string]map[string]bool `avro:"maps"`
	Nothing []Taken                      `avro:"nothing"`
	Tagged  []tagged                     `avro:"tagged"`
}

// tagged takes 48 bytes and a map, and one byte on the wire.
type tagged struct {
	Tags  map[string]bool `avro:"tags"`
	Other [40]byte        `avro:"-"`
}

// wide takes 801 bytes, and one on the wire.
type wide struct {
	First bool      `avro:"first"`
	Other [800]byte `avro:"-"`
}

// maxProcessorTime is far more than any case needs, and far less than one whose time is not linear.
const maxProcessorTime = 15 * time.Second

// million is the size of hostile bytes.
const million = 1 << 20

func longOf(n int64) string { return string(binary.AppendVarint(nil, n)) }

// doubling returns a type of 2^40 values of the given type: records of two fields, each of the record before.
func doubling(inner string) string {
	text := `{"type": "record", "name": "R0", "fields": [{"name": "a", "type": ` + inner + `}]}`
	for i := range 40 {
		text = fmt.Sprintf(`{"type": "record", "name": "R%d", "fields": [{"name": "a", "type": %s}, {"name": "b", "type": "R%d"}]}`, i+1, text, i)
	}
	return text
}

// manyFields returns n fields of the given type.
func manyFields(n int, avroType string) string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"name": "f%d", "type": %s}`, i, avroType)
	}
	return strings.Join(fields, ", ")
}

//nolint:paralleltest // it measures the process
func TestDecodeBoundsTimeAndMemoryOfHostileBytes(t *testing.T) {
	const id = `{"name": "id", "type": "long"}, `
	list := func(items string) string { return `{"type": "array", "items": ` + items + `}` }
	empty := `{"type": "record", "name": "Empty", "fields": []}`
	for name, c := range map[string]struct{ fields, data, want string }{
		"a list of 1<<62 empty records": {
			id + `{"name": "nothing", "type": ` + list(empty) + `}`, "\x00" + longOf(1<<62), "nothing: found too many items that take no bytes",
		},
		"blocks of empty records": {
			id + `{"name": "nothing", "type": ` + list(empty) + `}`, "\x00" + strings.Repeat(longOf(60_000), million/3), "nothing: found too many items that take no bytes",
		},
		"a skipped list of 1<<62 empty records": {
			id + `{"name": "x", "type": ` + list(empty) + `}`, "\x00" + longOf(1<<62), "x: found the end of the bytes",
		},
		"blocks of 1<<62 skipped empty records": {
			id + `{"name": "x", "type": ` + list(empty) + `}`, "\x00" + strings.Repeat(longOf(1<<62), million/9), "x: found the end of the bytes",
		},
		"1<<40 values without bytes": {
			id + `{"name": "x", "type": ` + list(doubling(`"null"`)) + `}`, "\x00" + longOf(1<<62), "x: found the end of the bytes",
		},
		"1<<40 values of a byte": {
			id + `{"name": "x", "type": ` + doubling(`"boolean"`) + `}`, strings.Repeat("\x00", million), "x: found the end of the bytes",
		},
		"a list of 1<<40 values of a byte": {
			id + `{"name": "x", "type": ` + list(doubling(`"boolean"`)) + `}`, strings.Repeat("\x02", million), "x: found more items than the bytes can hold",
		},
		"9,000 fields without bytes in each item": {
			id + `{"name": "x", "type": ` + list(`{"type": "record", "name": "N", "fields": [`+manyFields(9000, `"null"`)+`, {"name": "b", "type": "boolean"}]}`) + `}`,
			"\x00" + longOf(million) + strings.Repeat("\x00", million), "x: found the end of the bytes",
		},
		"a record in a record, a million times": {
			id + `{"name": "x", "type": {"type": "record", "name": "N", "fields": [{"name": "n", "type": ["null", "N"]}]}}`,
			strings.Repeat("\x02", million), "x: found values nested too deeply in a skipped field; want at most 64 levels",
		},
		"a list in a list, a million times": {
			id + `{"name": "x", "type": {"type": "record", "name": "N", "fields": [{"name": "n", "type": {"type": "array", "items": "N"}}]}}`,
			strings.Repeat("\x02", million), "x: found values nested too deeply",
		},
		"items of 800 bytes in memory for a byte each": {
			id + `{"name": "wide", "type": ` + list(`{"type": "record", "name": "W", "fields": [{"name": "first", "type": "boolean"}]}`) + `}`,
			"\x00" + longOf(million) + strings.Repeat("\x00", million+1), "wide: found a value that takes too much memory",
		},
		"items with an empty map for a byte each": {
			id + `{"name": "tagged", "type": ` + list(`{"type": "record", "name": "T", "fields": [{"name": "tags", "type": {"type": "map", "values": "boolean"}}]}`) + `}`,
			"\x00" + longOf(million) + strings.Repeat("\x00", million+1), "tags: found a value that takes too much memory",
		},
		"lists that each claim all bytes": {
			id + `{"name": "nested", "type": ` + list(list(list(`"string"`))) + `}`, "\x00" + strings.Repeat(longOf(300_000), million/3), "nested",
		},
		"empty lists": {
			id + `{"name": "nested", "type": ` + list(list(list(`"string"`))) + `}`, "\x00" + longOf(million) + strings.Repeat("\x00", million+1), "",
		},
		"empty maps": {
			id + `{"name": "maps", "type": ` + list(`{"type": "map", "values": {"type": "map", "values": "boolean"}}`) + `}`,
			"\x00" + longOf(million) + strings.Repeat("\x00", million+1), "",
		},
		"a map of short keys": {
			id + `{"name": "flags", "type": {"type": "map", "values": "boolean"}}`, "\x00" + longOf(million/5) + shortKeys(million/5) + "\x00", "",
		},
		"a map of one key": {
			id + `{"name": "flags", "type": {"type": "map", "values": "boolean"}}`, "\x00" + longOf(million/2) + strings.Repeat("\x00\x01", million/2) + "\x00", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			compiled, err := shape.Compile(reflect.TypeFor[hostile]())
			require.NoError(t, err)
			start := processorTime(t)
			reader := readerOf(t, compiled, recordOf(strings.TrimSuffix(c.fields, ", ")))
			t.Logf("the schema took %v", processorTime(t)-start)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start = processorTime(t)
			var dst hostile
			err = reader.Decode([]byte(c.data), shape.RefOf(&dst))
			took := processorTime(t) - start
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			t.Logf("%d bytes took %v of a processor and %d bytes of memory", len(c.data), took, allocated)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
			require.Less(t, took, maxProcessorTime)
			require.Less(t, allocated, uint64(4*million+3*64*len(c.data)))
		})
	}
}

func shortKeys(n int) string {
	var b bytes.Buffer
	for i := range n {
		b.WriteString("\x06")
		b.WriteString(string([]byte{byte(i & 0x7f), byte(i >> 7 & 0x7f), byte(i >> 14 & 0x7f)}))
		b.WriteString("\x01")
	}
	return b.String()
}

//nolint:paralleltest // it measures the process
func TestHostileSchemasAreRejectedInTime(t *testing.T) {
	compiled, err := shape.Compile(reflect.TypeFor[places]())
	require.NoError(t, err)
	for name, c := range map[string]struct{ schema, want string }{
		"a schema of more than 1 MiB": {strings.Repeat(" ", million) + `"long"`, "found a schema of 1048582 bytes; want at most 1048576"},
		"a million brackets":          {strings.Repeat("[", million), "found a schema that is not JSON"},
		"types in types":              {strings.Repeat(`{"type": `, 70) + `"long"` + strings.Repeat("}", 70), "found a schema with types nested too deeply; want at most 64 levels"},
		"arrays in arrays":            {strings.Repeat(`{"type": "array", "items": `, 70) + `"long"` + strings.Repeat("}", 70), "found a schema with types nested too deeply"},
		"more than 10,000 types":      {recordOf(manyFields(10_001, `"long"`)), "found a schema with too many types; want at most 10000"},
		"a million types":             {"[" + strings.Repeat(`[],`, million/3-2) + "[]]", "found a union without types"},
		"a chain of 4,000 records":    {recordOf(chain(4000) + `, {"name": "id", "type": "string"}`), "id: found string; want long"},
		"2,000 fields that are skipped in each of 8 places": {
			recordOf(`{"name": "p0", "type": {"type": "record", "name": "P", "fields": [` + manyFields(2000, `"long"`) + `]}},
				{"name": "p1", "type": "P"}, {"name": "p2", "type": "P"}, {"name": "p3", "type": "P"}, {"name": "p4", "type": "P"},
				{"name": "p5", "type": "P"}, {"name": "p6", "type": "P"}, {"name": "p7", "type": "P"}`),
			"found a schema with too many fields, counted in each place of their record; want at most 10000",
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := processorTime(t)
			schema, err := shape.ParseSchema(c.schema)
			if err == nil {
				_, err = compiled.AvroReader(schema, "org.example.CloudEvent")
			}
			took := processorTime(t) - start
			t.Logf("%d bytes took %v of a processor", len(c.schema), took)
			require.ErrorContains(t, err, c.want)
			require.Less(t, took, maxProcessorTime)
		})
	}
}

// places is event data with one type in several places.
type places struct {
	ID int64 `avro:"id"`
	P0 Taken `avro:"p0"`
	P1 Taken `avro:"p1"`
	P2 Taken `avro:"p2"`
	P3 Taken `avro:"p3"`
	P4 Taken `avro:"p4"`
	P5 Taken `avro:"p5"`
	P6 Taken `avro:"p6"`
	P7 Taken `avro:"p7"`
}

// chain returns n fields of records, each of the record before.
func chain(n int) string {
	fields := make([]string, n)
	inner := `"long"`
	for i := range fields {
		fields[i] = fmt.Sprintf(`{"name": "c%d", "type": {"type": "record", "name": "C%d", "fields": [{"name": "a", "type": %s}]}}`, i, i, inner)
		inner = fmt.Sprintf(`"C%d"`, i)
	}
	return strings.Join(fields, ", ")
}
