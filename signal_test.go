package signalcast_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestSignalHasItsDescription(t *testing.T) {
	t.Parallel()
	s := signalcast.NewSignal[order](orderPlaced, signalcast.WithMinorVersion(3), signalcast.WithDoc("An order."))
	var d signalcast.Definition = s
	require.Equal(t, orderPlaced, d.EventType())
	require.Equal(t, int64(3), d.MinorVersion())
	require.Equal(t, "An order.", d.Doc())
	require.Equal(t, "signalcast_test.order", d.DataType().String())
}

func TestEventThatCannotLeaveTheProcessIsAnError(t *testing.T) {
	t.Parallel()
	unregistered := signalcast.NewSignal[order]("org.example.other.v1")
	sends := map[string]func(t *testing.T, s *shop) error{
		"Send": func(t *testing.T, s *shop) error { t.Helper(); return s.send(t, order{}) },
		"Send with options": func(t *testing.T, s *shop) error {
			t.Helper()
			return s.send(t, order{}, signalcast.WithTime(noon))
		},
		"SendAsync": func(t *testing.T, s *shop) error {
			t.Helper()
			d, err := s.placed.SendAsync(t.Context(), s.registry, order{})
			require.Equal(t, err == nil, d != nil, "there is a Delivery or an error")
			return err
		},
		"SendJSON": func(t *testing.T, s *shop) error {
			t.Helper()
			return s.registry.SendJSON(t.Context(), orderPlaced, []byte(`{"number":"1","customer":{"id":1,"email":""}}`))
		},
	}
	for name, c := range map[string]struct {
		shop func(t *testing.T) *shop
		want error
	}{
		"without a dispatcher": {
			func(t *testing.T) *shop { t.Helper(); return newShop(t) },
			signalcast.ErrNoDispatcher,
		},
		"without a dispatcher, in a registry that is local only": {
			func(t *testing.T) *shop { t.Helper(); return newShop(t, signalcast.LocalOnly()) },
			nil,
		},
		"of another registry's signal": {
			func(t *testing.T) *shop {
				t.Helper()
				return &shop{registry: signalcast.NewRegistry(), placed: unregistered}
			},
			signalcast.ErrNotRegistered,
		},
		"without a registry": {
			func(t *testing.T) *shop { t.Helper(); return &shop{placed: unregistered} },
			signalcast.ErrNotRegistered,
		},
		"of a signal that is not configured": {
			func(t *testing.T) *shop { t.Helper(); s := newShop(t); s.dispatch(t, nil, s.backend); return s },
			nil,
		},
		"of a signal that is not enabled": {
			func(t *testing.T) *shop {
				t.Helper()
				s := newShop(t)
				s.dispatch(t, signalcast.ProducerConfig{orderPlaced: {"orders": {EventKeyField: new("number"), Enabled: new(false)}}}, s.backend)
				return s
			},
			nil,
		},
		"after the dispatcher was closed": {
			func(t *testing.T) *shop {
				t.Helper()
				s := openShop(t, []string{"orders"})
				require.NoError(t, s.dispatcher.Close(t.Context()))
				return s
			},
			signalcast.ErrClosed,
		},
		"after a dispatcher was closed that had nothing enabled": {
			func(t *testing.T) *shop {
				t.Helper()
				s := openShop(t, nil)
				require.NoError(t, s.dispatcher.Close(t.Context()))
				return s
			},
			signalcast.ErrClosed,
		},
		"after one of two dispatchers was closed and the other has nothing enabled": {
			func(t *testing.T) *shop {
				t.Helper()
				s := openShop(t, []string{"orders"})
				s.dispatch(t, nil, backend{})
				require.NoError(t, s.dispatcher.Close(t.Context()))
				return s
			},
			nil,
		},
	} {
		for how, send := range sends {
			t.Run(how+" "+name, func(t *testing.T) {
				t.Parallel()
				s := c.shop(t)
				err := send(t, s)
				if c.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, c.want)
				}
				if s.backend != nil {
					require.Empty(t, s.backend.Messages())
				}
			})
		}
	}
}

func TestSendRequiresTheRegisteredSignalItself(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	other := signalcast.NewSignal[customer](orderPlaced)
	require.ErrorIs(t, other.Send(t.Context(), s.registry, customer{}), signalcast.ErrNotRegistered)
	_, err := other.Connect(s.registry, func(context.Context, signalcast.Event[customer]) error { return nil })
	require.ErrorIs(t, err, signalcast.ErrNotRegistered)
	require.Empty(t, s.backend.Messages())
}

func TestErrNotRegisteredNamesTheEventType(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.ErrorContains(t, s.send(t, order{}), orderPlaced)
	require.ErrorContains(t, s.registry.SendJSON(t.Context(), "org.example.unknown.v1", nil), `"org.example.unknown.v1"`)
}

func connect(t *testing.T, s *shop, f func(context.Context, signalcast.Event[order]) error) (disconnect func()) {
	t.Helper()
	disconnect, err := s.placed.Connect(s.registry, f)
	require.NoError(t, err)
	return disconnect
}

// receiverErrors returns the receivers' part of a joined error.
func receiverErrors(err error) []*signalcast.ReceiverError {
	var found []*signalcast.ReceiverError
	for _, err := range parts(err) {
		if failure, ok := errors.AsType[*signalcast.ReceiverError](err); ok {
			found = append(found, failure)
		}
	}
	return found
}
