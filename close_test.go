package signalcast_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestFlushWaitsForAcceptedMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"a", "b"})
		s.backend.Inject(memory.Fault{Delay: time.Second})
		s.sendAsync(t, order{})
		require.Equal(t, int64(2), s.dispatcher.Stats().Pending)
		require.ErrorIs(t, s.dispatcher.Flush(ended(t)), context.Canceled)
		require.NoError(t, s.dispatcher.Flush(t.Context()))
		require.Equal(t, signalcast.Stats{Accepted: 2, Delivered: 2}, s.dispatcher.Stats())
	})
}

func TestCloseWaitsForAcceptedMessagesAndClosesTheBackend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"orders"})
		s.backend.Inject(memory.Fault{Delay: time.Minute})
		d := s.sendAsync(t, order{})
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				if err := s.dispatcher.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		require.ErrorIs(t, s.send(t, order{}), signalcast.ErrClosed, "closed from the beginning of Close")
		require.ErrorIs(t, s.dispatcher.Close(ended(t)), context.Canceled, "a later call waits only as long as it may")
		group.Wait()
		require.NoError(t, d.Wait(ended(t)))
		require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1}, s.dispatcher.Stats())
		require.ErrorIs(t, s.backend.Publish(t.Context(), s.backend.Messages()[0], nil), signalcast.ErrClosed)
		require.Len(t, s.dispatcher.Routes(), 1, "what it served can still be asked")
	})
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hooked *signalcast.DeliveryError
		s := openShop(t, []string{"orders"}, signalcast.WithHooks(signalcast.Hooks{
			Failed: func(err *signalcast.DeliveryError) { hooked = err },
		}))
		s.backend.Hold()
		d := s.sendAsync(t, order{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.dispatcher.Close(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "gave up 1 messages")
		require.Same(t, hooked, deliveryError(t, d.Wait(ended(t))), "each message has a fate when Close returns")
		require.Equal(t, signalcast.Stats{Accepted: 1, Failed: 1}, s.dispatcher.Stats())
		require.Equal(t, err, s.dispatcher.Close(t.Context()), "closing again answers the same")
	})
}

func TestCloseIgnoresAnEndedContextWhenNothingIsPending(t *testing.T) {
	t.Parallel()
	for range 50 { // select would choose at random
		s := openShop(t, []string{"orders"})
		require.NoError(t, s.dispatcher.Close(ended(t)), "there is nothing to wait for")
		require.NoError(t, s.dispatcher.Close(ended(t)))
	}
}

func TestCloseAndFlushReturnTheErrorOfTheBackend(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	s := newShop(t)
	closes := 0
	d := s.dispatch(t, nil, backend{
		flush: func(context.Context) error { return broken },
		close: func(context.Context) error { closes++; return broken },
	})
	require.ErrorIs(t, d.Flush(t.Context()), broken)
	require.ErrorIs(t, d.Close(t.Context()), broken)
	require.ErrorIs(t, d.Close(t.Context()), broken)
	require.Equal(t, 1, closes)
}

func TestCloseEndsABlockedSend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.backend = memory.New(memory.WithBuffer(1, 0))
		d := s.dispatch(t, ordersTo("orders"), s.backend)
		s.backend.Hold()
		s.sendAsync(t, order{})
		blocked := make(chan error, 1)
		go func() { blocked <- s.send(t, order{}) }()
		synctest.Wait()
		require.ErrorIs(t, d.Close(ended(t)), context.Canceled)
		require.ErrorIs(t, <-blocked, signalcast.ErrClosed)
		require.Equal(t, signalcast.Stats{Accepted: 1, Failed: 1, Rejected: 1}, d.Stats())
	})
}
