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

// outcomes counts what the hooks are told.
type outcomes struct{ delivered, failed int }

func (o *outcomes) hooks() signalcast.DispatcherOption {
	return signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(*signalcast.Message, signalcast.Receipt) { o.delivered++ },
		Failed:    func(*signalcast.DeliveryError) { o.failed++ },
	})
}

func TestDispatchersShareABackendThatIsKeptOpen(t *testing.T) {
	t.Parallel()
	s, other := newShop(t), newShop(t)
	first := s.dispatch(t, ordersTo("a"), signalcast.KeepOpen(s.backend))
	other.dispatch(t, ordersTo("b"), signalcast.KeepOpen(s.backend))
	require.NoError(t, s.send(t, order{}))
	require.NoError(t, first.Close(t.Context()))
	require.ErrorIs(t, s.send(t, order{}), signalcast.ErrClosed)
	require.NoError(t, other.send(t, order{}))
	require.Equal(t, []string{"a", "b"}, topicsOf(s.backend.Messages()))

	require.NoError(t, s.backend.Close(t.Context()), "who made it closes it")
	require.ErrorIs(t, other.send(t, order{}), signalcast.ErrClosed)
}

func TestAKeptOpenBackendAnswersAsTheSharedOne(t *testing.T) {
	t.Parallel()
	broken, topics := errors.New("broken"), 0
	s := newShop(t)
	d := s.dispatch(t, ordersTo("a", "b"), signalcast.KeepOpen(backend{
		prepare: func(routes []signalcast.Route) error { topics = len(routes); return nil },
		publish: refuse,
		flush:   func(context.Context) error { return broken },
	}))
	require.Equal(t, 2, topics)
	require.ErrorIs(t, s.send(t, order{}), signalcast.ErrBufferFull)
	require.ErrorIs(t, d.Flush(t.Context()), broken)
	require.NoError(t, d.Close(t.Context()))
	require.Equal(t, signalcast.Stats{Rejected: 2}, d.Stats())
}

func TestClosingAKeptOpenBackendWaitsForItsOwnMessagesOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, other := newShop(t), newShop(t)
		d := s.dispatch(t, ordersTo("a"), signalcast.KeepOpen(s.backend))
		idle := other.dispatch(t, ordersTo("b"), signalcast.KeepOpen(s.backend))
		s.backend.Inject(memory.Fault{Delay: time.Minute})
		start := time.Now()
		delivery := s.sendAsync(t, order{})
		require.NoError(t, idle.Close(t.Context()))
		require.Zero(t, time.Since(start), "the message is another dispatcher's")

		require.NoError(t, d.Close(t.Context()))
		require.Equal(t, time.Minute, time.Since(start))
		require.NoError(t, delivery.Wait(ended(t)))
	})
}

func TestClosingAKeptOpenBackendGivesUpWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o outcomes
		s := newShop(t)
		kept := signalcast.KeepOpen(s.backend)
		d := s.dispatch(t, ordersTo("a"), kept, o.hooks())
		s.backend.Inject(memory.Fault{Delay: time.Minute})
		delivery := s.sendAsync(t, order{})
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if err := kept.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, time.Second, time.Since(start))
		err := delivery.Wait(ended(t))
		require.Equal(t, signalcast.FateUnknown, deliveryError(t, err).Fate)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, kept.Close(t.Context()), context.DeadlineExceeded, "closing again answers the same")

		require.NoError(t, s.backend.Flush(t.Context()))
		require.Len(t, s.backend.Messages(), 1, "the shared backend goes on with it")
		require.Equal(t, outcomes{failed: 1}, o, "one fate is reported")
		require.Equal(t, signalcast.Stats{Accepted: 1, Failed: 1}, d.Stats())
	})
}

func TestClosingAKeptOpenBackendEndsWhatIsStillOffered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.backend = memory.New(memory.WithBuffer(1, 0))
		require.NoError(t, s.backend.Publish(t.Context(), &signalcast.Message{Event: &signalcast.Envelope{}}, func(signalcast.Receipt, error) {}))
		s.backend.Hold()
		require.NoError(t, s.backend.Publish(t.Context(), &signalcast.Message{Event: &signalcast.Envelope{}}, func(signalcast.Receipt, error) {}))
		d := s.dispatch(t, ordersTo("a"), signalcast.KeepOpen(s.backend))
		blocked := make(chan error, 1)
		go func() { blocked <- s.send(t, order{}) }()
		synctest.Wait()

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.placed.Send(ctx, s.registry, order{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, signalcast.ErrClosed, "it was the sender's own context")

		start := time.Now()
		require.NoError(t, d.Close(t.Context()))
		require.Zero(t, time.Since(start))
		require.ErrorIs(t, <-blocked, signalcast.ErrClosed)
		require.Equal(t, signalcast.Stats{Rejected: 2}, d.Stats())
		s.backend.Release()
	})
}

func TestAMessageTakenWhileClosingGivesUpIsReported(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		acknowledge bool // before Publish returns
		want        signalcast.Stats
	}{
		"without an outcome": {false, signalcast.Stats{Accepted: 1, Failed: 1}},
		"with an outcome":    {true, signalcast.Stats{Accepted: 1, Delivered: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var o outcomes
				s := newShop(t)
				d := s.dispatch(t, ordersTo("a"), signalcast.KeepOpen(backend{
					publish: func(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
						<-time.After(time.Minute) // the room is there just as the offering ends
						if c.acknowledge {
							done(signalcast.Receipt{}, nil)
						}
						return nil
					},
				}), o.hooks())
				sent := make(chan error, 1)
				go func() { sent <- s.send(t, order{}) }()
				synctest.Wait()
				require.ErrorIs(t, d.Close(ended(t)), context.Canceled)
				require.Equal(t, 1, o.delivered+o.failed, "before Close returns")
				if err := <-sent; c.acknowledge {
					require.NoError(t, err)
				} else {
					require.Equal(t, signalcast.FateUnknown, deliveryError(t, err).Fate)
				}
				require.Equal(t, c.want, d.Stats())
			})
		})
	}
}

func TestClosingAKeptOpenBackendWaitsForDoneToReturn(t *testing.T) {
	t.Parallel()
	for name, ctx := range map[string]func(t *testing.T) context.Context{
		"in time":                    func(t *testing.T) context.Context { t.Helper(); return t.Context() },
		"when its context ended too": ended,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				returned := false
				s := newShop(t)
				kept := signalcast.KeepOpen(s.backend)
				s.dispatch(t, ordersTo("a"), kept, signalcast.WithHooks(signalcast.Hooks{
					Delivered: func(*signalcast.Message, signalcast.Receipt) {
						<-time.After(time.Minute)
						returned = true
					},
				}))
				s.backend.Inject(memory.Fault{Delay: time.Second})
				s.sendAsync(t, order{})
				<-time.After(2 * time.Second)
				_ = kept.Close(ctx(t))
				require.True(t, returned)
			})
		})
	}
}

func TestAFinishedCloseOfAKeptOpenBackendIsNotFailedByAnEndedContext(t *testing.T) {
	t.Parallel()
	for range 50 { // select would choose at random
		kept := signalcast.KeepOpen(memory.New())
		require.NoError(t, kept.Close(ended(t)))
		require.NoError(t, kept.Close(ended(t)))
		err := kept.Publish(t.Context(), nil, nil)
		require.ErrorIs(t, err, signalcast.ErrClosed)
	}
}

func TestASecondCloseOfAKeptOpenBackendWaitsNoLongerThanItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		kept := signalcast.KeepOpen(s.backend)
		s.dispatch(t, ordersTo("a"), kept)
		s.backend.Inject(memory.Fault{Delay: time.Minute})
		s.sendAsync(t, order{})
		first := make(chan error, 1)
		go func() { first <- kept.Close(context.Background()) }()
		synctest.Wait()
		start := time.Now()
		require.ErrorIs(t, kept.Close(ended(t)), context.Canceled)
		require.Zero(t, time.Since(start))
		require.NoError(t, <-first)
	})
}

func TestFlushOfAKeptOpenBackendThatWasClosedWaitsForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		kept := signalcast.KeepOpen(s.backend)
		s.dispatch(t, ordersTo("a"), kept)
		s.backend.Inject(memory.Fault{Delay: time.Minute})
		s.sendAsync(t, order{})
		require.ErrorIs(t, kept.Close(ended(t)), context.Canceled)
		start := time.Now()
		require.NoError(t, kept.Flush(t.Context()))
		require.Zero(t, time.Since(start))
		require.NoError(t, s.backend.Flush(t.Context()))
	})
}

func TestAPanicDoesNotKeepASharedBackendFromClosing(t *testing.T) {
	t.Parallel()
	broken := func(context.Context, *signalcast.Message, func(signalcast.Receipt, error)) error {
		panic("backend is broken")
	}
	for name, c := range map[string]struct {
		backend backend
		hook    func(*signalcast.Message, signalcast.Receipt)
	}{
		"in a hook":  {backend{}, func(*signalcast.Message, signalcast.Receipt) { panic("hook is broken") }},
		"in Publish": {backend{publish: broken}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				d := s.dispatch(t, ordersTo("a"), signalcast.KeepOpen(c.backend), signalcast.WithHooks(signalcast.Hooks{Delivered: c.hook}))
				require.Panics(t, func() { _ = s.send(t, order{}) }, "which a server of requests survives")
				require.NoError(t, d.Close(t.Context()))
				require.Zero(t, d.Stats().Pending)
			})
		})
	}
}
