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
	require.Contains(t, string(failures[0].Stack), "receiver_test.go")
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
