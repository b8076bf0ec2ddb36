package compat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/compat"
)

type order struct {
	Number string  `avro:"number"`
	Total  float64 `avro:"total"`
}

type orderWithNote struct {
	Number string  `avro:"number"`
	Note   *string `avro:"note"`
}

func take(t *testing.T, signals ...signalcast.Definition) compat.Snapshot {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(signals...))
	s, err := compat.NewSnapshot(registry)
	require.NoError(t, err)
	return s
}

func TestSnapshotHoldsTheSchemasOfARegistry(t *testing.T) {
	t.Parallel()
	s := take(t, signalcast.NewSignal[order]("org.example.order.placed.v1"))
	text, err := s.Text()
	require.NoError(t, err)
	require.Contains(t, string(text), `{
  "org.example.order.placed.v1": {
    "doc": "`)
	parsed, err := compat.ParseSnapshot(text)
	require.NoError(t, err)
	findings, err := parsed.Check(s, compat.Exact)
	require.NoError(t, err)
	require.Empty(t, findings)
}

func TestSnapshotCheckComparesEventTypes(t *testing.T) {
	t.Parallel()
	was := take(t, signalcast.NewSignal[order]("org.example.order.placed.v1"), signalcast.NewSignal[order]("org.example.order.paid.v1"))
	is := take(t, signalcast.NewSignal[orderWithNote]("org.example.order.placed.v1"), signalcast.NewSignal[order]("org.example.order.sent.v1"))
	for level, want := range map[compat.Level][]string{
		compat.Forward: {
			"org.example.order.paid.v1: missing; want the event type; consumers get no more events",
			"org.example.order.placed.v1: total: missing; want double; breaks old consumers on Kafka, and every consumer on Redis until it has the schema of the producer",
		},
		compat.Exact: {
			"org.example.order.paid.v1: missing; want the event type; consumers get no more events",
			"org.example.order.placed.v1: note: found a new field of type null or string; breaks every consumer on Redis until it has the schema of the producer",
			"org.example.order.placed.v1: total: missing; want double; breaks old consumers on Kafka, and every consumer on Redis until it has the schema of the producer",
		},
	} {
		findings, err := was.Check(is, level)
		require.NoError(t, err)
		texts := []string{}
		for _, f := range findings {
			texts = append(texts, f.String())
		}
		require.Equal(t, want, texts)
	}
}

func TestSnapshotsThatDoNotParseAreErrors(t *testing.T) {
	t.Parallel()
	_, err := compat.ParseSnapshot([]byte(`[]`))
	require.ErrorContains(t, err, "snapshot of schemas: found text that does not parse; want a JSON object of schemas by event type: ")

	invalid := compat.Snapshot{"org.example.order.placed.v1": "{"}
	_, err = invalid.Check(compat.Snapshot{"org.example.order.placed.v1": event()}, compat.Forward)
	const want = "found a text that is not JSON; want an Avro schema: unexpected end of JSON input"
	require.EqualError(t, err, `old schema of "org.example.order.placed.v1": `+want)
	_, err = invalid.Text()
	require.EqualError(t, err, `new schema of "org.example.order.placed.v1": `+want)
}
