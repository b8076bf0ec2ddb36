package signalcast_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
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

func TestReceiversAreCalledInOrderBeforeSendReturns(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	var calls []string
	for _, name := range []string{"first", "second", "third"} {
		connect(t, s, func(_ context.Context, e signalcast.Event[order]) error {
			require.Len(t, s.backend.Messages(), 1, "the message was handed over before")
			require.Equal(t, s.backend.Messages()[0].Event.ID, e.ID, "receivers and topics get the same event")
			require.Equal(t, orderPlaced, e.EventType)
			require.False(t, e.FromEventBus)
			calls = append(calls, name+" "+e.Data.Number)
			return nil
		})
	}
	require.NoError(t, s.send(t, order{Number: "17"}))
	require.Equal(t, []string{"first 17", "second 17", "third 17"}, calls)
}

func TestReceiversGetTheContextOfTheSender(t *testing.T) {
	t.Parallel()
	type key struct{}
	s := newShop(t, signalcast.LocalOnly())
	connect(t, s, func(ctx context.Context, _ signalcast.Event[order]) error {
		require.Equal(t, "value", ctx.Value(key{}))
		return nil
	})
	require.NoError(t, s.placed.Send(context.WithValue(t.Context(), key{}, "value"), s.registry, order{}))
}

func TestDisconnectedReceiverIsNotCalled(t *testing.T) {
	t.Parallel()
	s := newShop(t, signalcast.LocalOnly())
	var calls []string
	receiver := func(name string) func(context.Context, signalcast.Event[order]) error {
		return func(context.Context, signalcast.Event[order]) error { calls = append(calls, name); return nil }
	}
	disconnect := connect(t, s, receiver("first"))
	disconnectSecond := connect(t, s, receiver("second"))
	disconnect()
	disconnect()
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"second"}, calls)

	disconnectSecond()
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"second"}, calls)
}

func TestReceiverMayDisconnectItselfAndSendAndConnect(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	var numbers []string
	var disconnect func()
	disconnect = connect(t, s, func(ctx context.Context, e signalcast.Event[order]) error {
		disconnect()
		connect(t, s, func(_ context.Context, e signalcast.Event[order]) error {
			numbers = append(numbers, e.Data.Number)
			return nil
		})
		return s.placed.Send(ctx, s.registry, order{Number: e.Data.Number + " again"})
	})
	require.NoError(t, s.send(t, order{Number: "1"}))
	require.Equal(t, []string{"1 again"}, numbers, "the new receiver gets the events sent after it was connected")
	require.Len(t, s.backend.Messages(), 2)
}

func TestDisconnectDuringAnEventKeepsTheEventForOthers(t *testing.T) {
	t.Parallel()
	s := newShop(t, signalcast.LocalOnly())
	var calls []string
	var disconnect func()
	for _, name := range []string{"first", "second", "third"} {
		end := connect(t, s, func(context.Context, signalcast.Event[order]) error {
			calls = append(calls, name)
			disconnect()
			return nil
		})
		if disconnect == nil {
			disconnect = end
		}
	}
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"first", "second", "third"}, calls)
	require.NoError(t, s.send(t, order{}))
	require.Equal(t, []string{"second", "third"}, calls[3:])
}

func TestConnectRejectsInvalidReceivers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, err := s.placed.Connect(s.registry, nil)
	require.ErrorContains(t, err, "nil")
	receiver := func(context.Context, signalcast.Event[order]) error { return nil }
	_, err = s.placed.Connect(signalcast.NewRegistry(), receiver)
	require.ErrorIs(t, err, signalcast.ErrNotRegistered)
	_, err = s.placed.Connect(nil, receiver)
	require.ErrorIs(t, err, signalcast.ErrNotRegistered)
}

func TestFailedReceiverDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	const secret = "s3cret-payload"
	full := errors.New("disk full")
	s := openShop(t, []string{"orders"})
	s.backend.Inject(failing)
	connect(t, s, func(context.Context, signalcast.Event[order]) error { panic(secret) })
	connect(t, s, func(context.Context, signalcast.Event[order]) error { return full })
	connect(t, s, func(context.Context, signalcast.Event[order]) error { panic(fmt.Errorf("nested: %w", full)) })
	reached := false
	connect(t, s, func(context.Context, signalcast.Event[order]) error { reached = true; return nil })

	err := s.send(t, order{Number: secret})
	require.True(t, reached)
	require.Equal(t, signalcast.FateUnknown, deliveryError(t, err).Fate, "the failed delivery is reported beside them")
	require.ErrorIs(t, err, failing.Err)
	require.NotContains(t, err.Error(), secret)

	failures := receiverErrors(err)
	require.Len(t, failures, 3)
	require.Equal(t, secret, failures[0].Panic)
	require.Contains(t, string(failures[0].Stack), "signal_test.go")
	require.NoError(t, failures[0].Err)
	require.ErrorIs(t, failures[1], full)
	require.Nil(t, failures[1].Panic)
	require.ErrorIs(t, failures[2], full, "a panic with an error unwraps to it")
	for _, failure := range failures {
		require.Equal(t, orderPlaced, failure.EventType)
		require.Contains(t, failure.Receiver, "TestFailedReceiverDoesNotStopOthers")
		require.ErrorContains(t, err, failure.Error())
	}
}

func TestDeliveryHoldsTheErrorsOfReceivers(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, topics := range map[string][]string{"with a topic": {"orders"}, "without topics": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, topics)
			connect(t, s, func(context.Context, signalcast.Event[order]) error { return broken })
			d := s.sendAsync(t, order{})
			require.ErrorIs(t, d.Wait(t.Context()), broken)
			require.Len(t, d.Results(), len(topics))
		})
	}
}

func TestReceiversGetEventsThatNoBackendAccepted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.dispatch(t, ordersTo("orders"), backend{publish: reject})
	calls := 0
	connect(t, s, func(context.Context, signalcast.Event[order]) error { calls++; return nil })
	require.ErrorIs(t, s.send(t, order{}), signalcast.ErrBufferFull)
	require.Equal(t, 1, calls)
}

func TestConnectIsSafeWhileEventsAreSent(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				disconnect := connect(t, s, func(context.Context, signalcast.Event[order]) error { return nil })
				if err := s.send(t, order{}); err != nil {
					t.Error(err)
				}
				disconnect()
			}
		})
	}
	group.Wait()
	require.Len(t, s.backend.Messages(), 400)
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
