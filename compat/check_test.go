package compat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/compat"
)

// record returns the text of a record with the given fields.
func record(name string, fields ...string) string {
	return fmt.Sprintf(`{"type": "record", "name": %q, "fields": [%s]}`, name, strings.Join(fields, ", "))
}

// event returns the text of the outermost record.
func event(fields ...string) string { return record("CloudEvent", fields...) }

func field(name, dataType string) string {
	return fmt.Sprintf(`{"name": %q, "type": %s}`, name, dataType)
}

func nullable(name, dataType string) string {
	return fmt.Sprintf(`{"default": null, "name": %q, "type": ["null", %s]}`, name, dataType)
}

// finding is a Finding without its texts.
type finding struct {
	path                string
	code                compat.Code
	older, newer, redis bool
}

func TestCheckSaysWhichConsumersBreak(t *testing.T) {
	t.Parallel()
	const long, text = `"long"`, `"string"`
	person := record("Person", field("id", long))
	tests := map[string]struct {
		was, is string
		want    []finding
	}{
		"no change": {event(field("a", long)), event(field("a", long)), nil},
		"spaces and the order of attributes": {
			event(field("a", long)), `{"fields":[{"type":"long","name":"a"}],"name":"CloudEvent","type":"record"}`, nil,
		},
		"a doc": {
			event(), `{"type": "record", "name": "CloudEvent", "doc": "d", "fields": []}`,
			[]finding{{"", compat.CodeAttributes, false, false, false}},
		},
		"an added field": {
			event(), event(field("a", long)),
			[]finding{{"a", compat.CodeFieldAdded, false, true, true}},
		},
		"an added nullable field": {
			event(), event(nullable("a", long)),
			[]finding{{"a", compat.CodeFieldAdded, false, false, true}},
		},
		"a removed field": {
			event(field("a", long)), event(),
			[]finding{{"a", compat.CodeFieldRemoved, true, false, true}},
		},
		"a removed nullable field": {
			event(nullable("a", long)), event(),
			[]finding{{"a", compat.CodeFieldRemoved, false, false, true}},
		},
		"a renamed field": {
			event(field("a", long)), event(field("b", long)),
			[]finding{{"b", compat.CodeFieldAdded, false, true, true}, {"a", compat.CodeFieldRemoved, true, false, true}},
		},
		"another order": {
			event(field("a", long), field("b", text)), event(field("b", text), field("c", long), field("a", long)),
			[]finding{{"c", compat.CodeFieldAdded, false, true, true}, {"", compat.CodeOrder, false, false, true}},
		},
		"null added": {
			event(field("a", long)), event(nullable("a", long)),
			[]finding{{"a", compat.CodeNullAdded, true, false, true}},
		},
		"null removed": {
			event(nullable("a", long)), event(field("a", long)),
			[]finding{{"a", compat.CodeNullRemoved, false, true, true}},
		},
		"null added and another type": {
			event(field("a", long)), event(nullable("a", text)),
			[]finding{{"a", compat.CodeNullAdded, true, false, true}, {"a", compat.CodeType, true, true, true}},
		},
		"a long becomes a double": {
			event(field("a", long)), event(field("a", `"double"`)),
			[]finding{{"a", compat.CodeType, true, false, true}},
		},
		"a string becomes bytes": {
			event(field("a", text)), event(field("a", `"bytes"`)),
			[]finding{{"a", compat.CodeType, false, false, true}},
		},
		"items of lists and values of maps": {
			event(field("a", `{"type": "array", "items": {"type": "map", "values": "long"}}`)),
			event(field("a", `{"type": "array", "items": {"type": "map", "values": "string"}}`)),
			[]finding{{"a[][...]", compat.CodeType, true, true, true}},
		},
		"a record at two places": {
			event(field("a", person), field("b", `{"type": "array", "items": "Person"}`)),
			event(field("a", record("Person")), field("b", `{"type": "array", "items": "Person"}`)),
			[]finding{{"a.id", compat.CodeFieldRemoved, true, false, true}, {"b[].id", compat.CodeFieldRemoved, true, false, true}},
		},
		"a renamed record": {
			event(field("a", person)), event(field("a", record("Human", field("id", long)))),
			[]finding{{"a", compat.CodeRecordName, true, true, false}},
		},
		"another namespace": {
			event(field("a", person)), event(field("a", record("org.example.Person", field("id", long)))),
			[]finding{{"", compat.CodeAttributes, false, false, false}},
		},
		"null added to a record that another field defines": {
			event(field("a", person), field("b", `"Person"`)), event(field("b", person), nullable("a", `"Person"`)),
			[]finding{
				{"a", compat.CodeNullAdded, true, false, true},
				{"a", compat.CodeRecordReference, false, true, false},
				{"", compat.CodeOrder, false, false, true},
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, level := range compat.Levels() {
				want := []finding{}
				for _, f := range test.want {
					if level == compat.Exact || f.older && level != compat.Backward || f.newer && level != compat.Forward {
						want = append(want, f)
					}
				}
				got := []finding{}
				findings, err := compat.Check(test.was, test.is, level)
				require.NoError(t, err)
				for _, f := range findings {
					got = append(got, finding{f.Path, f.Code, f.BreaksOldConsumers, f.BreaksNewConsumers, f.BreaksOnRedis})
				}
				require.ElementsMatch(t, want, got, "%s", level)
			}
		})
	}
}

func TestFindingsSayWhatWasFoundAndWhatIsWanted(t *testing.T) {
	t.Parallel()
	findings, err := compat.Check(
		event(field("a", `"long"`), field("b", `"long"`), field("c", `"string"`), nullable("d", `"long"`), field("e", `"long"`), field("f", record("F"))),
		event(field("b", `"long"`), field("a", `"long"`), field("c", `"bytes"`), nullable("e", `"long"`), field("g", `"string"`), field("f", record("G"))),
		compat.Exact,
	)
	require.NoError(t, err)
	texts := []string{}
	for _, f := range findings {
		texts = append(texts, f.String())
	}
	require.Equal(t, []string{
		"c: found bytes; want string; breaks every consumer on Redis until it has the schema of the producer",
		"e: found null or long; want long; breaks old consumers on Kafka, and every consumer on Redis until it has the schema of the producer",
		"g: found a new field of type string; want a nullable field, which has a default; breaks new consumers of old events on Kafka, and every consumer on Redis until it has the schema of the producer",
		`f: found record "G"; want record "F"; breaks old and new consumers on Kafka`,
		"d: missing; want null or long; breaks every consumer on Redis until it has the schema of the producer",
		"found the fields in the order b, a, c, e, f; want a, b, c, e, f; breaks every consumer on Redis until it has the schema of the producer",
	}, texts)
}

func TestTextsThatAreNoSchemasOfSignalsAreErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                                     "old schema: found a text that is not JSON; want an Avro schema: unexpected end of JSON input",
		`"long"`:                                "old schema: found long; want a record",
		`7`:                                     "old schema: found a type that is not a name, a list or an object; want an Avro schema",
		`{"type": "record", "name": "A"}`:       "old schema: found a record without a name or fields; want an Avro schema",
		event(field("a", `["long", "string"]`)): "old schema: a: found a union of unsupported types; want null and one type",
		event(field("a", `["null", ["null", "long"]]`)):              "old schema: a: found a union in a union; want null and one type",
		event(field("a", `{"type": "array", "items": "int"}`)):       `old schema: a[]: found type "int"; want boolean, long, double, string, bytes, or a record that is defined before`,
		event(field("a", `{"type": "map", "values": "CloudEvent"}`)): `old schema: a[...]: found type "CloudEvent"; want boolean, long, double, string, bytes, or a record that is defined before`,
		event(field("a", record("A")), field("b", record("A"))):      `old schema: b: found a second definition of "A"; want one`,
	} {
		_, err := compat.Check(text, event(), compat.Forward)
		require.EqualError(t, err, want)
	}
	_, err := compat.Check(event(), event(field("a", `"long"`), field("a", `"long"`)), compat.Forward)
	var invalid *compat.SchemaError
	require.ErrorAs(t, err, &invalid)
	require.Equal(t, compat.SchemaError{Schema: "new", Found: `a field with the name "a"`, Want: "one field of each name"}, *invalid)
}
