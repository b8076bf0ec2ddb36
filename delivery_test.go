package signalcast_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

func TestSendWaitsForEveryTopicAndSendAsyncDoesNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openShop(t, []string{"a", "b"})
		s.backend.Inject(memory.Fault{Delay: time.Second})
		start := time.Now()
		d := s.sendAsync(t, order{})
		require.Zero(t, time.Since(start))
		require.Equal(t, 2, s.backend.Unacknowledged())
		for _, result := range d.Results() {
			require.Equal(t, signalcast.FatePending, deliveryError(t, result.Err).Fate)
		}

		require.NoError(t, s.send(t, order{}))
		require.Equal(t, 4*time.Second, time.Since(start))
		<-d.Done()
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []signalcast.Result{
			{Topic: "a", Receipt: signalcast.Receipt{ID: "1"}}, {Topic: "b", Receipt: signalcast.Receipt{ID: "2"}},
		}, d.Results())
	})
}

func TestDeliveryOfAnEventWithoutTopicsIsDone(t *testing.T) {
	t.Parallel()
	for name, connected := range map[string]bool{"with a receiver": true, "without receivers": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, nil)
			if connected {
				connect(t, s, func(context.Context, signalcast.Event[order]) error { return nil })
			}
			d := s.sendAsync(t, order{})
			<-d.Done()
			require.NoError(t, d.Wait(ended(t)))
			require.Empty(t, d.Results())
		})
	}
}

func TestBackendErrorDecidesTheFate(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		told error // by the backend to done
		want signalcast.Fate
	}{
		"any error is unknown":              {broken, signalcast.FateUnknown},
		"not written is taken over":         {&signalcast.DeliveryError{Fate: signalcast.FateNotWritten, Err: broken}, signalcast.FateNotWritten},
		"not written may be wrapped":        {fmt.Errorf("redis: %w", &signalcast.DeliveryError{Fate: signalcast.FateNotWritten, Err: broken}), signalcast.FateNotWritten},
		"unknown is taken over":             {&signalcast.DeliveryError{Fate: signalcast.FateUnknown, Err: broken}, signalcast.FateUnknown},
		"pending is no fate of a failure":   {&signalcast.DeliveryError{Fate: signalcast.FatePending, Err: broken}, signalcast.FateUnknown},
		"other values are no fate":          {&signalcast.DeliveryError{Fate: 77, Err: broken}, signalcast.FateUnknown},
		"the topic is the dispatcher's":     {&signalcast.DeliveryError{Topic: "wrong", Err: broken}, signalcast.FateUnknown},
		"a context that ended means little": {errors.Join(context.DeadlineExceeded, broken), signalcast.FateUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			var hooked *signalcast.DeliveryError
			d := s.dispatch(t, ordersTo("orders"),
				backend{publish: func(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
					done(signalcast.Receipt{ID: "none"}, c.told)
					return nil
				}},
				signalcast.WithHooks(signalcast.Hooks{Failed: func(err *signalcast.DeliveryError) { hooked = err }}))
			delivery := s.sendAsync(t, order{Number: "s3cret"})
			err := delivery.Wait(t.Context())
			require.ErrorIs(t, err, broken)

			failure := deliveryError(t, err)
			require.Same(t, hooked, failure)
			require.Equal(t, c.want, failure.Fate)
			require.Equal(t, "orders", failure.Topic)
			require.Equal(t, "orders", failure.Message.Topic)
			require.Equal(t, orderPlaced, failure.Message.Event.EventType)
			for _, want := range []string{`"orders"`, orderPlaced, failure.Message.Event.ID.String(), c.want.String(), "broken"} {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), "s3cret")
			require.Equal(t, []signalcast.Result{{Topic: "orders", Err: failure}}, delivery.Results())
			require.Equal(t, signalcast.Stats{Accepted: 1, Failed: 1}, d.Stats())
		})
	}
}

func TestErrorAroundADeliveryErrorIsKept(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.dispatch(t, ordersTo("orders"), backend{
		publish: func(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
			done(signalcast.Receipt{}, fmt.Errorf("node 3: %w", &signalcast.DeliveryError{Fate: signalcast.FateNotWritten, Err: failing.Err}))
			return nil
		},
	})
	require.ErrorContains(t, s.send(t, order{}), "node 3: ")
}

func TestSendAsyncReturnsAnErrorIfNoMessageIsAccepted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var rejected []string
	d := s.dispatch(t, ordersTo("a", "b"), backend{publish: reject}, signalcast.WithHooks(signalcast.Hooks{
		Rejected: func(err *signalcast.DeliveryError) { rejected = append(rejected, err.Topic) },
	}))
	delivery, err := s.placed.SendAsync(t.Context(), s.registry, order{})
	require.Nil(t, delivery)
	require.ErrorIs(t, err, signalcast.ErrBufferFull)
	require.Len(t, parts(err), 2)
	require.Equal(t, signalcast.FateNotWritten, deliveryError(t, err).Fate)
	require.Equal(t, []string{"a", "b"}, rejected)
	require.Equal(t, signalcast.Stats{Rejected: 2}, d.Stats())
}

func TestPartialAcceptanceIsADelivery(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	publish := func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
		if m.Topic == "full" {
			return signalcast.ErrBufferFull
		}
		return s.backend.Publish(ctx, m, done)
	}
	d := s.dispatch(t, ordersTo("a", "full", "z"), backend{publish: publish, close: s.backend.Close})
	for name, inject := range map[string]struct {
		fault memory.Fault
		want  []signalcast.Fate
	}{
		"the rest delivered": {memory.Fault{}, []signalcast.Fate{signalcast.FateNotWritten}},
		"the rest failed":    {memory.Fault{Err: failing.Err, Times: 2}, []signalcast.Fate{signalcast.FateUnknown, signalcast.FateNotWritten, signalcast.FateUnknown}},
	} {
		s.backend.Inject(inject.fault)
		delivery := s.sendAsync(t, order{})
		err := delivery.Wait(t.Context())
		require.ErrorIs(t, err, signalcast.ErrBufferFull, name)
		var fates []signalcast.Fate
		for _, part := range parts(err) {
			fates = append(fates, deliveryError(t, part).Fate)
		}
		require.Equal(t, inject.want, fates, name)
		require.Len(t, delivery.Results(), 3, name)
		s.backend.Heal()
	}
	require.Equal(t, signalcast.Stats{Accepted: 4, Delivered: 2, Failed: 2, Rejected: 2}, d.Stats())
}

func TestContextThatEndsWhileWaitingGivesFatePending(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault memory.Fault
		want  signalcast.Stats
	}{
		"and then delivered": {memory.Fault{Delay: time.Minute}, signalcast.Stats{Accepted: 1, Delivered: 1}},
		"and then failed":    {memory.Fault{Delay: time.Minute, Err: failing.Err}, signalcast.Stats{Accepted: 1, Failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var delivered, failed atomic.Int64
				s := openShop(t, []string{"orders"}, signalcast.WithHooks(signalcast.Hooks{
					Delivered: func(*signalcast.Message, signalcast.Receipt) { delivered.Add(1) },
					Failed:    func(*signalcast.DeliveryError) { failed.Add(1) },
				}))
				s.backend.Inject(c.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := s.placed.Send(ctx, s.registry, order{})
				require.ErrorIs(t, err, context.DeadlineExceeded)
				failure := deliveryError(t, err)
				require.Equal(t, signalcast.FatePending, failure.Fate)
				require.Equal(t, "orders", failure.Topic)
				require.Equal(t, signalcast.Stats{Accepted: 1, Pending: 1}, s.dispatcher.Stats(), "pending is not failed")
				require.Zero(t, delivered.Load()+failed.Load())

				require.NoError(t, s.dispatcher.Flush(t.Context()))
				require.Equal(t, c.want, s.dispatcher.Stats())
				require.Equal(t, c.want, signalcast.Stats{Accepted: 1, Delivered: delivered.Load(), Failed: failed.Load()}, "the hooks get the outcome")
			})
		})
	}
}

func TestSendWithAnEndedContext(t *testing.T) {
	t.Parallel()
	t.Run("does not keep a message from a buffer with room", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, []string{"orders"})
		require.NoError(t, s.placed.Send(ended(t), s.registry, order{}), "it was acknowledged at once")
		s.backend.Hold()
		delivery, err := s.placed.SendAsync(ended(t), s.registry, order{})
		require.NoError(t, err)
		s.backend.Release()
		require.NoError(t, delivery.Wait(t.Context()))
	})
	t.Run("ends the wait for room", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.backend = memory.New(memory.WithBuffer(1, 0))
		d := s.dispatch(t, ordersTo("orders"), s.backend)
		s.backend.Hold()
		s.sendAsync(t, order{})
		for range 20 {
			_, err := s.placed.SendAsync(ended(t), s.registry, order{})
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, signalcast.FateNotWritten, deliveryError(t, err).Fate)
		}
		require.Equal(t, signalcast.Stats{Accepted: 1, Pending: 1, Rejected: 20}, d.Stats())
	})
}

func TestFullBufferBlocksUntilThereIsRoomOrContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShop(t)
		s.backend = memory.New(memory.WithBuffer(1, 0))
		d := s.dispatch(t, ordersTo("orders"), s.backend)
		s.backend.Inject(memory.Fault{Delay: time.Minute})
		start := time.Now()
		s.sendAsync(t, order{Number: "1"})
		s.sendAsync(t, order{Number: "2"})
		require.Equal(t, time.Minute, time.Since(start), "until the first was served")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.placed.SendAsync(ctx, s.registry, order{Number: "3"})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute+time.Second, time.Since(start))
		require.NoError(t, d.Flush(t.Context()))
		require.Len(t, s.backend.Messages(), 2)
	})
}

func TestFullBufferThatFailsFastRejectsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.backend = memory.New(memory.WithBuffer(1, 60), memory.FailFast())
	s.dispatch(t, ordersTo("orders"), s.backend)
	s.backend.Hold()
	s.sendAsync(t, order{})
	require.ErrorIs(t, s.send(t, order{}), signalcast.ErrBufferFull)
	err := s.send(t, order{Number: string(make([]byte, 1<<20))})
	require.ErrorIs(t, err, signalcast.ErrTooLarge, "a key of 1 MiB")
	require.Less(t, len(err.Error()), 1000)
}

func TestDoneMayBeCalledAtAnyTimeAndCountsOnce(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	type done = func(signalcast.Receipt, error)
	for name, c := range map[string]struct {
		publish func(later func(func()), done done) error
		want    signalcast.Stats
	}{
		"before Publish returns": {
			func(_ func(func()), done done) error { done(signalcast.Receipt{}, nil); return nil },
			signalcast.Stats{Accepted: 1, Delivered: 1},
		},
		"later on another goroutine": {
			func(later func(func()), done done) error {
				later(func() { done(signalcast.Receipt{}, nil) })
				return nil
			},
			signalcast.Stats{Accepted: 1, Delivered: 1},
		},
		"twice: the first one counts": {
			func(_ func(func()), done done) error {
				done(signalcast.Receipt{}, broken)
				done(signalcast.Receipt{}, nil)
				return nil
			},
			signalcast.Stats{Accepted: 1, Failed: 1},
		},
		"twice, once on another goroutine": {
			func(later func(func()), done done) error {
				done(signalcast.Receipt{}, nil)
				later(func() { done(signalcast.Receipt{}, broken) })
				return nil
			},
			signalcast.Stats{Accepted: 1, Delivered: 1},
		},
		"before Publish fails: the message was taken": {
			func(_ func(func()), done done) error { done(signalcast.Receipt{}, nil); return broken },
			signalcast.Stats{Accepted: 1, Delivered: 1},
		},
		"after Publish failed: the message was rejected": {
			func(later func(func()), done done) error {
				later(func() { done(signalcast.Receipt{}, nil) })
				return broken
			},
			signalcast.Stats{Rejected: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newShop(t)
				outcomes := 0
				later := func(f func()) {
					go func() {
						<-time.After(time.Second)
						f()
					}()
				}
				d := s.dispatch(t, ordersTo("orders"),
					backend{publish: func(_ context.Context, _ *signalcast.Message, done func(signalcast.Receipt, error)) error {
						return c.publish(later, done)
					}},
					signalcast.WithHooks(signalcast.Hooks{
						Delivered: func(*signalcast.Message, signalcast.Receipt) { outcomes++ },
						Failed:    func(*signalcast.DeliveryError) { outcomes++ },
						Rejected:  func(*signalcast.DeliveryError) { outcomes++ },
					}))
				err := s.send(t, order{})
				require.Equal(t, c.want.Delivered == 1, err == nil, "%v", err)
				<-time.After(time.Minute)
				require.Equal(t, 1, outcomes)
				require.Equal(t, c.want, d.Stats())
			})
		})
	}
}

func TestHooksReturnBeforeWaitDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hooked := 0
		hook := func() { <-time.After(time.Minute); hooked++ }
		s := openShop(t, []string{"a", "b"}, signalcast.WithHooks(signalcast.Hooks{
			Delivered: func(m *signalcast.Message, r signalcast.Receipt) {
				require.Equal(t, "a", m.Topic)
				require.Equal(t, "1", r.ID)
				hook()
			},
			Failed: func(err *signalcast.DeliveryError) {
				require.Equal(t, "b", err.Topic)
				hook()
			},
		}))
		s.backend.Inject(memory.Fault{Topic: "a", Delay: time.Second}, memory.Fault{Topic: "b", Err: failing.Err})
		d := s.sendAsync(t, order{})
		<-time.After(30 * time.Second)
		require.Equal(t, signalcast.FatePending, deliveryError(t, d.Results()[0].Err).Fate, "the hook for it has not returned")
		select {
		case <-d.Done():
			require.Fail(t, "done before the hooks")
		default:
		}
		require.ErrorIs(t, d.Wait(t.Context()), failing.Err)
		require.Equal(t, 2, hooked)
	})
}

func TestDeliveryIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"a", "b"})
	s.backend.Hold()
	d := s.sendAsync(t, order{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if len(d.Results()) != 2 {
				t.Error("a message is missing")
			}
			<-d.Done()
			if err := d.Wait(ended(t)); err != nil {
				t.Error(err)
			}
		})
	}
	s.backend.Release()
	group.Wait()
}
