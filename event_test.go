package signalcast_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// received is metadata that an event from elsewhere might have.
func received() signalcast.Metadata {
	return signalcast.Metadata{
		ID:           signalcast.UUID{1, 2, 3},
		EventType:    orderPlaced,
		MinorVersion: 7,
		Source:       "openedx/elsewhere/web",
		SourceHost:   "elsewhere.example.org",
		Time:         noon.Add(1500 * time.Microsecond),
		SourceLib:    "11.2.0",
	}
}

func TestInvalidMetadataIsAnEncodeError(t *testing.T) {
	t.Parallel()
	kathmandu := time.FixedZone("", 5*3600+45*60)
	for name, c := range map[string]struct {
		change func(m *signalcast.Metadata)
		field  string // at fault; empty: none is
	}{
		"nothing wrong":              {func(*signalcast.Metadata) {}, ""},
		"another event type":         {func(m *signalcast.Metadata) { m.EventType = "org.example.other.v1" }, "metadata.event_type"},
		"no event type":              {func(m *signalcast.Metadata) { m.EventType = "" }, "metadata.event_type"},
		"the nil ID":                 {func(m *signalcast.Metadata) { m.ID = signalcast.UUID{} }, "metadata.id"},
		"a negative minor version":   {func(m *signalcast.Metadata) { m.MinorVersion = -1 }, "metadata.minorversion"},
		"a large minor version":      {func(m *signalcast.Metadata) { m.MinorVersion = 1 << 31 }, ""},
		"a source of invalid UTF-8":  {func(m *signalcast.Metadata) { m.Source = "\xff" }, "metadata.source"},
		"a host of invalid UTF-8":    {func(m *signalcast.Metadata) { m.SourceHost = "\xff" }, "metadata.sourcehost"},
		"an empty host":              {func(m *signalcast.Metadata) { m.SourceHost = "" }, ""},
		"no time":                    {func(m *signalcast.Metadata) { m.Time = time.Time{} }, "metadata.time"},
		"a time without an offset":   {func(m *signalcast.Metadata) { m.Time = noon.In(signalcast.Naive()) }, "metadata.time"},
		"a time in the year 10000":   {func(m *signalcast.Metadata) { m.Time = noon.AddDate(8000, 0, 0) }, "metadata.time"},
		"a time in the year 0":       {func(m *signalcast.Metadata) { m.Time = time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC) }, "metadata.time"},
		"the year 9999 in UTC":       {func(m *signalcast.Metadata) { m.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, kathmandu) }, ""},
		"the year 0 in UTC":          {func(m *signalcast.Metadata) { m.Time = time.Date(1, 1, 1, 0, 0, 0, 0, kathmandu) }, "metadata.time"},
		"no library version":         {func(m *signalcast.Metadata) { m.SourceLib = "" }, "metadata.sourcelib"},
		"a negative library version": {func(m *signalcast.Metadata) { m.SourceLib = "1.-1" }, "metadata.sourcelib"},
		"a version with a word":      {func(m *signalcast.Metadata) { m.SourceLib = "1.0.0-rc1" }, "metadata.sourcelib"},
		"a version with a leading 0": {func(m *signalcast.Metadata) { m.SourceLib = "1.01" }, "metadata.sourcelib"},
		"a version of one number":    {func(m *signalcast.Metadata) { m.SourceLib = "7" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, []string{"orders"})
			calls := 0
			connect(t, s, func(context.Context, signalcast.Event[order]) error { calls++; return nil })
			m := received()
			c.change(&m)
			for _, opt := range []signalcast.SendOption{signalcast.WithMetadata(m), signalcast.FromBus(m)} {
				err := s.send(t, order{}, opt)
				if c.field == "" {
					require.NoError(t, err)
					continue
				}
				var fault *signalcast.EncodeError
				require.ErrorAs(t, err, &fault)
				require.Equal(t, c.field, fault.Fields[0].Path)
				require.Equal(t, orderPlaced, fault.EventType)
				require.Empty(t, s.backend.Messages())
				require.Zero(t, calls)
			}
		})
	}
}

func TestMetadataJSONEqualsThatOfTheReference(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "golden", "events", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var golden struct {
				EventType string `json:"event_type"`
				Samples   []struct {
					Name     string          `json:"name"`
					Metadata json.RawMessage `json:"metadata"`
				} `json:"samples"`
			}
			require.NoError(t, json.Unmarshal(text, &golden))
			require.NotEmpty(t, golden.Samples)
			for _, sample := range golden.Samples {
				var m signalcast.Metadata
				require.NoError(t, json.Unmarshal(sample.Metadata, &m), sample.Name)
				require.Equal(t, golden.EventType, m.EventType)
				again, err := json.Marshal(m)
				require.NoError(t, err)
				require.JSONEq(t, string(sample.Metadata), string(again), sample.Name)
			}
		})
	}
}

func TestJSONOfAnEventHasNoEventData(t *testing.T) {
	t.Parallel()
	m := received()
	want, err := json.Marshal(m)
	require.NoError(t, err)
	event, err := json.Marshal(signalcast.Event[order]{Metadata: m, Data: order{Number: "s3cret"}})
	require.NoError(t, err)
	require.Equal(t, string(want), string(event))
	envelope, err := json.Marshal(signalcast.Envelope{Metadata: m, Value: []byte("s3cret")})
	require.NoError(t, err)
	require.Equal(t, string(want), string(envelope))
}

func TestMetadataRejectsInvalidJSON(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"an unknown attribute":        {`{"event_tpye": "x"}`, "event_tpye"},
		"an ID that is no UUID":       {`{"id": "17"}`, "UUID"},
		"a time without an offset":    {`{"time": "2026-01-02T03:04:05"}`, "metadata.time"},
		"a time with another offset":  {`{"time": "2026-01-02T03:04:05+05:45"}`, "metadata.time"},
		"a malformed time":            {`{"time": "yesterday"}`, "metadata.time"},
		"a version that is no list":   {`{"sourcelib": "11.2.0"}`, "sourcelib"},
		"a minor version as a string": {`{"minorversion": "0"}`, "minorversion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := received()
			require.ErrorContains(t, json.Unmarshal([]byte(c.text), &m), c.want)
			require.Equal(t, received(), m, "unchanged after an error")
		})
	}
	m := received()
	require.NoError(t, json.Unmarshal([]byte("null"), &m))
	require.Equal(t, received(), m, "null changes nothing")

	_, err := json.Marshal(signalcast.Metadata{Time: noon.AddDate(8000, 0, 0)})
	require.ErrorContains(t, err, "metadata.time")
}
