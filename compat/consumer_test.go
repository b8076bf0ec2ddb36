package compat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/compat"
)

type delivery struct {
	Price   float64           `avro:"price"`
	Label   string            `avro:"label"`
	Stops   []string          `avro:"stops"`
	Options map[string]string `avro:"options"`
	To      address           `avro:"to"`
}

type address struct {
	City string `avro:"city"`
}

// The reader is the consumer of this module. Its schema is that of delivery.
func TestConsumerOfThisModuleDiffersFromFastavro(t *testing.T) {
	t.Parallel()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(signalcast.NewSignal[delivery]("org.example.delivery.sent.v1")))
	own, err := compat.NewSnapshot(registry)
	require.NoError(t, err)
	price, label := field("price", `"double"`), field("label", `"string"`)
	stops, options := field("stops", `{"type": "array", "items": "string"}`), field("options", `{"type": "map", "values": "string"}`)
	to := field("to", record("address", field("city", `"string"`)))
	for name, c := range map[string]struct {
		writer       []string
		data         string
		fastavro, Go bool
	}{
		"the same fields":           {[]string{price, label, stops, options, to}, "dddddddd\x02l\x00\x00\x02c", true, true},
		"a long for a double":       {[]string{field("price", `"long"`), label, stops, options, to}, "\x02\x02l\x00\x00\x02c", true, false},
		"bytes for a string":        {[]string{price, field("label", `"bytes"`), stops, options, to}, "dddddddd\x02l\x00\x00\x02c", true, false},
		"a list that is missing":    {[]string{price, label, options, to}, "dddddddd\x02l\x00\x02c", false, true},
		"a map that is missing":     {[]string{price, label, stops, to}, "dddddddd\x02l\x00\x02c", false, true},
		"another name of a record":  {[]string{price, label, stops, options, field("to", record("place", field("city", `"string"`)))}, "dddddddd\x02l\x00\x00\x02c", false, true},
		"a string that is missing":  {[]string{price, stops, options, to}, "dddddddd\x00\x00\x02c", false, false},
		"a further field and order": {[]string{to, field("more", `"long"`), options, stops, label, price}, "\x02c\x02\x00\x00\x02ldddddddd", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			writer := record("org.example.delivery.sent.v1.CloudEvent", c.writer...)
			findings, err := compat.Check(own["org.example.delivery.sent.v1"], writer, compat.Forward)
			require.NoError(t, err)
			require.Equal(t, c.fastavro, len(findings) == 0, findings)

			meta := signalcast.Metadata{EventType: "org.example.delivery.sent.v1"}
			_, err = registry.Decode(meta, &signalcast.Schema{Name: "org.example.delivery.sent.v1.CloudEvent", Text: writer}, []byte(c.data))
			require.Equal(t, c.Go, err == nil, err)
		})
	}
}
