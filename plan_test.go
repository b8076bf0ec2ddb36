package signalcast_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestPlanIsWhatSendJSONPublishes(t *testing.T) {
	t.Parallel()
	id := signalcast.NewUUID()
	for name, opts := range map[string][]signalcast.SendOption{
		"without options": nil,
		"with metadata":   {signalcast.WithMetadata(received())},
		"from the bus":    {signalcast.FromBus(received())},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, signalcast.WithIDs(func() signalcast.UUID { return id }))
			c := ordersTo("b", "a")
			c[orderPlaced]["keyless"] = signalcast.TopicConfig{Keyless: new(true), Enabled: new(true)}
			c[orderPlaced]["off"] = signalcast.TopicConfig{Keyless: new(true), Enabled: new(false)}
			d := s.dispatch(t, c, s.backend, signalcast.WithTopicPrefix("dev"))
			connect(t, s, func(context.Context, signalcast.Event[order]) error { t.Error("nothing is sent"); return nil })()
			opts := append([]signalcast.SendOption{signalcast.WithTime(noon)}, opts...)

			planned, err := d.Plan(orderPlaced, []byte(orderJSON), opts...)
			require.NoError(t, err)
			require.Empty(t, s.backend.Messages())
			require.Zero(t, d.Stats())
			require.NoError(t, s.registry.SendJSON(t.Context(), orderPlaced, []byte(orderJSON), opts...))
			require.Equal(t, s.backend.Messages(), planned)
		})
	}
}

func TestPlanCallsNoReceiver(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	connect(t, s, func(context.Context, signalcast.Event[order]) error { t.Error("a receiver was called"); return nil })
	messages, err := s.dispatcher.Plan(orderPlaced, []byte(orderJSON))
	require.NoError(t, err)
	require.Len(t, messages, 1)
	require.Empty(t, s.backend.Messages())
}

func TestPlanWithoutEnabledRoutesIsEmpty(t *testing.T) {
	t.Parallel()
	s := openShop(t, nil)
	messages, err := s.dispatcher.Plan(orderPlaced, []byte(orderJSON))
	require.NoError(t, err)
	require.Empty(t, messages)
}

func TestPlanReturnsEncodeErrors(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"}, signalcast.WithCodec(&countingCodec{Codec: signalcast.Avro(), failKeys: true}))
	_, err := s.dispatcher.Plan(orderPlaced, []byte(orderJSON))
	require.ErrorIs(t, err, errUncompilable)
	require.Zero(t, s.dispatcher.Stats(), "nothing was rejected")
}

func TestPlanFailsWhereSendJSONWould(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	for name, c := range map[string]struct {
		eventType, data string
		opts            []signalcast.SendOption
	}{
		"an unknown event type": {"org.example.unknown.v1", orderJSON, nil},
		"bad metadata":          {orderPlaced, orderJSON, []signalcast.SendOption{signalcast.WithTime(time.Time{})}},
		"bad data":              {orderPlaced, `{}`, nil},
	} {
		_, planned := s.dispatcher.Plan(c.eventType, []byte(c.data), c.opts...)
		sent := s.registry.SendJSON(t.Context(), c.eventType, []byte(c.data), c.opts...)
		require.Error(t, planned, name)
		require.Equal(t, sent, planned, name)
	}
	require.NoError(t, s.dispatcher.Close(t.Context()))
	_, err := s.dispatcher.Plan(orderPlaced, []byte(orderJSON))
	require.ErrorIs(t, err, signalcast.ErrClosed)
}
