package signalcast_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// A decoder returns the events and errors of Registry.Decode. Events that are kept do not change.
func TestDecoderDecodesLikeTheRegistry(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, anOrder())
	decoder := s.registry.NewDecoder()
	unknown := incoming()
	unknown.EventType = "org.example.order.unknown.v1"
	_, err := decoder.Decode(unknown, nil, event.Value)
	require.ErrorIs(t, err, signalcast.ErrNotRegistered)

	other := signalcast.NewSignal[order](unknown.EventType)
	require.NoError(t, s.registry.Register(other))
	var kept []*signalcast.Received
	for i := range 50 {
		for _, m := range []signalcast.Metadata{incoming(), unknown} {
			m.SourceHost = strconv.Itoa(i)
			for name, writer := range map[string]*signalcast.Schema{
				"its schema": event.ValueSchema, "no schema": nil, "a schema that is not one": {Text: "[]"},
			} {
				for _, value := range [][]byte{event.Value, event.Value[:3], append(event.Value[:len(event.Value):len(event.Value)], 0)} {
					want, wantErr := s.registry.Decode(m, writer, value)
					got, err := decoder.Decode(m, writer, value)
					require.Equal(t, wantErr, err, name)
					if err == nil {
						require.Equal(t, want.Metadata, got.Metadata)
						kept = append(kept, got)
					}
				}
			}
		}
		if i%20 == 19 {
			decoder.Reset()
		}
	}
	require.Len(t, kept, 50*3) // each with its schema or without one, the other type without one only
	for i, e := range kept {
		require.Equal(t, strconv.Itoa(i/3), e.SourceHost)
		require.Equal(t, anOrder(), e.Data())
	}
}
