package signalcast_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestCloseLeavesASharedBackendOpen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		first := s.dispatch(t, ordersTo("a"), s.backend, signalcast.WithSharedBackend())
		second := s.dispatch(t, ordersTo("b"), s.backend, signalcast.WithSharedBackend())
		s.backend.Inject(memory.Fault{Topic: "a", Delay: time.Minute})
		delivery := s.sendAsync(t, order{})
		start := time.Now()
		require.NoError(t, first.Close(t.Context()))
		require.Equal(t, time.Minute, time.Since(start), "Close waits for the messages in flight")
		require.NoError(t, delivery.Wait(t.Context()))

		require.NoError(t, s.send(t, order{}))
		require.Equal(t, []string{"a", "b", "b"}, topicsOf(s.backend.Messages()))
		require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1}, first.Stats())
		require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 2}, second.Stats())
	})
}

func TestCloseOfASharedBackendLeavesMessagesInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		delivered := 0
		d := s.dispatch(t, ordersTo("a"), s.backend, signalcast.WithSharedBackend(), signalcast.WithDeadLetter("dead"),
			signalcast.WithHooks(signalcast.Hooks{Delivered: func(*signalcast.Message, signalcast.Receipt) { delivered++ }}))
		s.backend.Inject(memory.Fault{Topic: "a", Delay: time.Minute})
		delivery := s.sendAsync(t, order{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, d.Close(ctx), context.DeadlineExceeded)
		require.Equal(t, signalcast.FatePending, deliveryError(t, delivery.Results()[0].Err).Fate, "the backend continues with it")
		require.Equal(t, signalcast.Stats{Accepted: 1, Pending: 1}, d.Stats())

		require.NoError(t, delivery.Wait(t.Context()))
		require.Equal(t, 1, delivered)
		require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1}, d.Stats())
		require.ErrorIs(t, s.send(t, order{}), signalcast.ErrClosed)
		require.ErrorIs(t, d.Close(t.Context()), context.DeadlineExceeded, "a second Close returns the same")
	})
}

func TestDispatcherCanBeReplacedWhileEventsAreSent(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(failed)
		for {
			select {
			case <-stop:
				return
			default:
				if err := s.placed.Send(context.Background(), s.registry, order{}); err != nil {
					failed <- err
					return
				}
			}
		}
	}()
	old := s.dispatcher
	for range 20 {
		next, err := signalcast.NewDispatcher(t.Context(), s.registry, ordersTo("orders"), s.backend, signalcast.WithSharedBackend())
		require.NoError(t, err)
		if old != s.dispatcher { // the first one owns the backend
			require.NoError(t, old.Close(t.Context()))
			require.NoError(t, s.send(t, order{}), "the new dispatcher publishes the event")
		}
		old = next
	}
	close(stop)
	require.NoError(t, <-failed)
}

func TestNewDispatcherRejectsAClosedBackend(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.NoError(t, s.backend.Close(t.Context()))
	_, err := signalcast.NewDispatcher(t.Context(), s.registry, ordersTo("orders"), s.backend)
	require.ErrorIs(t, err, signalcast.ErrClosed)
	require.ErrorIs(t, s.send(t, order{}), signalcast.ErrNoDispatcher)
}
