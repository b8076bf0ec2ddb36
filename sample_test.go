package signalcast_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx"
)

// level is a type that accepts few values and has an example.
type level string

func (l level) Validate() error {
	if l != "high" {
		return errors.New("unknown level")
	}
	return nil
}

func (level) Sample() string { return "high" }

// strict is a type that accepts few values and has no example.
type strict string

func (s strict) Validate() error { return level(s).Validate() }

func TestSampleIsAcceptedBySendJSON(t *testing.T) {
	t.Parallel()
	type everything struct {
		Yes     bool              `avro:"yes"`
		Count   int32             `avro:"count"`
		Share   float64           `avro:"share"`
		Text    string            `avro:"text"`
		Bytes   []byte            `avro:"bytes"`
		At      time.Time         `avro:"at"`
		ID      signalcast.UUID   `avro:"id"`
		Level   level             `avro:"level"`
		Maybe   *customer         `avro:"maybe"`
		List    []level           `avro:"list"`
		Mapping map[string]string `avro:"mapping"`
	}
	signal := signalcast.NewSignal[everything]("org.example.everything.happened.v1")
	registry := signalcast.NewRegistry(signalcast.LocalOnly())
	require.NoError(t, registry.Register(signal))
	sample, err := registry.Sample(signal.EventType())
	require.NoError(t, err)
	require.JSONEq(t, `{"yes": true, "count": 1, "share": 1.5, "text": "text", "bytes": "Ynl0ZXM=", "at": "2026-01-02T03:04:05+00:00",
		"id": "00000000-0000-0000-0000-000000000000", "level": "high", "maybe": {"id": 1, "email": "text"}, "list": ["high"],
		"mapping": {"name": "text"}}`, string(sample))
	require.NoError(t, registry.SendJSON(t.Context(), signal.EventType(), sample))
}

func TestEveryOpenEdXEventTypeHasASample(t *testing.T) {
	t.Parallel()
	registry := signalcast.NewRegistry(signalcast.LocalOnly())
	require.NoError(t, registry.Register(openedx.Signals()...))
	for _, signal := range registry.Definitions() {
		sample, err := registry.Sample(signal.EventType())
		require.NoError(t, err, signal.EventType())
		require.NoError(t, registry.SendJSON(t.Context(), signal.EventType(), sample))
	}
}

func TestSampleThatATypeRejectsIsAnError(t *testing.T) {
	t.Parallel()
	type data struct {
		Level strict `avro:"level"`
	}
	signal := signalcast.NewSignal[data]("org.example.level.changed.v1")
	registry := signalcast.NewRegistry(signalcast.LocalOnly())
	require.NoError(t, registry.Register(signal))
	_, err := registry.Sample(signal.EventType())
	require.EqualError(t, err, `sample: event data of "org.example.level.changed.v1": level: unknown level`)
	_, err = registry.Sample("org.example.level.change.v1")
	require.ErrorIs(t, err, signalcast.ErrNotRegistered)
}
