package signalcast_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestEventIsEncodedOnceForManyTopics(t *testing.T) {
	t.Parallel()
	codec := &countingCodec{Codec: signalcast.Avro()}
	s := openShop(t, []string{"a", "b", "c", "d", "e"}, signalcast.WithCodec(codec))
	for range 3 {
		require.NoError(t, s.send(t, order{Number: "17"}))
	}
	require.Equal(t, int64(3), codec.values.Load())
	require.Equal(t, int64(3), codec.encodedKeys.Load(), "topics with equal key paths share the key")
	require.Len(t, s.backend.Messages(), 15)

	_, err := s.dispatcher.Reload(t.Context(), ordersTo("x"))
	require.NoError(t, err)
	require.Equal(t, int64(1), codec.compiled.Load(), "an event type is compiled once")

	connect(t, s, func(context.Context, signalcast.Event[order]) error { return nil })
	require.NoError(t, s.send(t, order{}, signalcast.FromBus(received())))
	require.Equal(t, int64(3), codec.values.Load(), "what is not published is not encoded")
}

func TestCallerMayChangeTheDataAfterSend(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var taken *signalcast.Message
	var acknowledge func(signalcast.Receipt, error)
	d := s.dispatch(t, ordersTo("orders"), backend{
		publish: func(_ context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
			taken, acknowledge = m, done // not a copy: a buffer that holds on to the message
			return nil
		},
	}, signalcast.WithCodec(signalcast.JSON()))
	data := order{Number: "17", Items: []string{"book"}, Note: new("gift")}
	m := received()
	delivery := s.sendAsync(t, data, signalcast.WithMetadata(m))
	data.Items[0], *data.Note = "pen", "none"

	require.JSONEq(t, `{"number": "17", "customer": {"id": 0, "email": ""}, "items": ["book"], "note": "gift"}`, string(taken.Event.Value))
	require.Equal(t, "17", string(taken.Key))
	require.Equal(t, received(), taken.Event.Metadata)
	acknowledge(signalcast.Receipt{}, nil)
	require.NoError(t, delivery.Wait(t.Context()))
	require.Zero(t, d.Stats().Pending)
}

// Value and keys lie side by side: what a backend appends to one of them, as to
// frame it, must not be written over the next.
func TestMessagesDoNotShareMemoryBehindTheirEnds(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]signalcast.Codec{"Avro": signalcast.Avro(), "JSON": signalcast.JSON()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.dispatch(t, signalcast.ProducerConfig{orderPlaced: {
				"by-customer": {EventKeyField: new("customer.id"), Enabled: new(true)},
				"by-number":   {EventKeyField: new("number"), Enabled: new(true)},
			}}, backend{publish: func(_ context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				require.Equal(t, len(m.Event.Value), cap(m.Event.Value))
				require.Equal(t, len(m.Key), cap(m.Key))
				done(signalcast.Receipt{}, nil)
				return nil
			}}, signalcast.WithCodec(codec))
			require.NoError(t, s.send(t, order{Number: "17", Customer: customer{ID: 4}, Items: []string{"tea"}}))
		})
	}
}
