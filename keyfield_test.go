package signalcast_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// keyed has a field of every kind.
type keyed struct {
	Text     string            `avro:"text"`
	Number   int32             `avro:"number"`
	Yes      bool              `avro:"yes"`
	Ratio    float64           `avro:"ratio"`
	Bytes    []byte            `avro:"bytes"`
	At       time.Time         `avro:"at"`
	ID       signalcast.UUID   `avro:"id"`
	Nested   customer          `avro:"nested"`
	Optional *string           `avro:"optional"`
	Maybe    *customer         `avro:"maybe"`
	List     []string          `avro:"list"`
	Map      map[string]string `avro:"map"`
}

const keyedEvent = "org.example.keyed.v1"

func TestEveryKeyPathHasAKey(t *testing.T) {
	t.Parallel()
	signal := signalcast.NewSignal[keyed](keyedEvent)
	s := newShop(t)
	require.NoError(t, s.registry.Register(signal))
	paths := s.registry.KeyPaths(keyedEvent)
	require.Equal(t, []string{"text", "number", "yes", "ratio", "bytes", "at", "id", "nested.id", "nested.email"}, paths)
	require.Nil(t, s.registry.KeyPaths("org.example.unknown.v1"))

	topics := map[string]signalcast.TopicConfig{"keyless": {Keyless: new(true), Enabled: new(true)}}
	for _, path := range paths {
		topics[path] = signalcast.TopicConfig{EventKeyField: &path, Enabled: new(true)}
		topics["again-"+path] = topics[path]
	}
	data := keyed{
		Text: "ä", Number: -3, Yes: true, Ratio: 1.5, Bytes: []byte{0xff, 0}, At: noon,
		ID: signalcast.UUID{15: 1}, Nested: customer{7, "a@example.org"},
	}
	for _, c := range []struct {
		codec signalcast.Codec
		want  map[string]string
	}{
		{signalcast.JSON(), map[string]string{
			"text": "ä", "number": "-3", "yes": "true", "ratio": "1.5", "bytes": "\xff\x00", "at": "2026-01-02T12:00:00+00:00",
			"id": "00000000-0000-0000-0000-000000000001", "nested.id": "7", "nested.email": "a@example.org",
		}},
		{signalcast.Avro(), map[string]string{
			"text": "\x04ä", "number": "\x05", "yes": "\x01", "ratio": "\x00\x00\x00\x00\x00\x00\xf8\x3f", "bytes": "\x04\xff\x00",
			"at": "\x322026-01-02T12:00:00+00:00", "id": "\x4800000000-0000-0000-0000-000000000001",
			"nested.id": "\x0e", "nested.email": "\x1aa@example.org",
		}},
	} {
		d := s.dispatch(t, signalcast.ProducerConfig{keyedEvent: topics}, s.backend, signalcast.WithSharedBackend(), signalcast.WithCodec(c.codec))
		require.NoError(t, signal.Send(t.Context(), s.registry, data))
		require.NoError(t, d.Close(t.Context()))
		for path, want := range c.want {
			require.Equal(t, want, string(s.backend.Messages(path)[0].Key), path)
			require.Equal(t, want, string(s.backend.Messages("again-" + path)[0].Key), path)
		}
		require.Len(t, c.want, len(paths))
		require.Nil(t, s.backend.Messages("keyless")[0].Key)
		s.backend.Reset()
	}
}

func TestInvalidKeyPathsAreRejected(t *testing.T) {
	t.Parallel()
	for path, wants := range map[string][]string{
		"":             {"empty"},
		"optional":     {"nullable"},
		"maybe":        {"nullable"},
		"maybe.id":     {"nullable"},
		"list":         {"list"},
		"map":          {"map"},
		"nested":       {"record", "nested."},
		"numbr":        {"numbr", `"number"`},
		"nested.emial": {"emial", `"nested.email"`},
		"nested..id":   {"empty segment"},
		"text.length":  {"length"},
		"Text":         {`"text"`},
	} {
		t.Run("path "+path, func(t *testing.T) {
			t.Parallel()
			r := signalcast.NewRegistry()
			require.NoError(t, r.Register(signalcast.NewSignal[keyed](keyedEvent)))
			for _, enabled := range []bool{true, false} {
				_, err := signalcast.NewDispatcher(t.Context(), r, signalcast.ProducerConfig{
					keyedEvent: {"topic": {EventKeyField: &path, Enabled: &enabled}},
				}, discard{})
				require.ErrorAs(t, err, new(*signalcast.ValidationError))
				for _, want := range append(wants, keyedEvent, "topic", "event_key_field") {
					require.ErrorContains(t, err, want)
				}
			}
		})
	}
}

func TestLargeKeysArePublished(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.dispatch(t, ordersTo("a", "b"), s.backend, signalcast.WithCodec(signalcast.JSON()))
	large := strings.Repeat("k", 1<<20)
	require.NoError(t, s.send(t, order{Number: large}))
	for _, m := range s.backend.Messages() {
		require.Equal(t, large, string(m.Key))
	}
}
