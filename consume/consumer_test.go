package consume_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

var errReceiver = errors.New("the database is away")

// Messages of a key are handled in order, although attempts fail, and the counts add up at every sample.
func TestMessagesOfAKeyAreHandledInOrder(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{true, false} {
		s := newScript(ordered)
		j := newJournal()
		r := start(t, s, consume.Config{Retry: consume.Retry{Min: time.Millisecond, Attempts: 1000}},
			func(_ context.Context, e signalcast.Event[changed]) error {
				if rand.N(50) == 0 {
					return errReceiver
				}
				j.add(e)
				return nil
			})
		var sampling sync.WaitGroup
		stop := make(chan struct{})
		sampling.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					r.requireLedger(t)
					r.Status()
				}
			}
		})
		const n = 5000
		for next := int64(0); next < n; {
			var batch []consume.Message
			for range min(int64(s.feed.Room()), n-next) {
				batch = append(batch, message(strconv.Itoa(int(next%40)), next))
				next++
			}
			s.feed.Add(batch)
			<-s.changed
			s.taken()
		}
		require.Eventually(t, func() bool { return r.counts().Handled == n }, patience, time.Millisecond)
		close(stop)
		sampling.Wait()
		r.stop(t)
		for key, numbers := range j.keys {
			require.Len(t, numbers, n/40)
			require.True(t, slices.IsSorted(numbers), key)
		}
	}
}

// A message that fails holds its lane, and no other.
func TestFailedMessageHoldsItsLaneOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, j := newScript(false), newJournal()
		var failing atomic.Bool
		failing.Store(true)
		r := start(t, s, consume.Config{}, func(_ context.Context, e signalcast.Event[changed]) error {
			if e.Data.N == 1 && failing.Load() {
				return errReceiver
			}
			j.add(e)
			return nil
		})
		s.feed.Add([]consume.Message{message("a", 1), message("a", 2), message("b", 3)})
		synctest.Wait()
		require.Equal(t, []int64{3}, j.list())
		retrying := r.Status().Retrying
		require.Len(t, retrying, 1)
		require.Equal(t, topic+"/0/1", retrying[0].Position)
		require.ErrorIs(t, retrying[0].Err, errReceiver)
		failing.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, []int64{3, 1, 2}, j.list())
		require.Empty(t, r.Status().Retrying)
		r.stop(t)
	})
}

func TestConcurrencyOneIsStrictlyInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, j := newScript(true), newJournal()
		failures := 3
		r := start(t, s, consume.Config{Concurrency: 1}, func(_ context.Context, e signalcast.Event[changed]) error {
			if e.Data.N == 2 && failures > 0 {
				failures--
				return errReceiver
			}
			j.add(e)
			return nil
		})
		s.feed.Add([]consume.Message{message("a", 1), message("b", 2), message("c", 3), message("a", 4)})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []int64{1, 2, 3, 4}, j.list())
		r.stop(t)
	})
}

// An attempt counts only if another message of the topic was handled meanwhile.
func TestUnreachableDependencyMakesNoDeadLetters(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		var away atomic.Bool
		away.Store(true)
		r := start(t, s, consume.Config{Retry: consume.Retry{Attempts: 2, Max: time.Second}}, func(_ context.Context, e signalcast.Event[changed]) error {
			if away.Load() || e.Data.N == 1 {
				return errReceiver
			}
			return nil
		})
		s.feed.Add([]consume.Message{message("a", 1), message("b", 2)})
		time.Sleep(30 * time.Minute)
		require.Zero(t, r.counts().DeadLettered)
		require.Greater(t, r.counts().Failed, int64(1000))
		away.Store(false)
		for n := int64(3); n < 10; n++ { // others are handled, so that the attempts of 1 count
			time.Sleep(2 * time.Second)
			s.feed.Add([]consume.Message{message("c", n)})
		}
		synctest.Wait()
		require.EqualValues(t, 1, r.counts().DeadLettered)
		require.EqualValues(t, 8, r.counts().Handled)
		r.stop(t)
	})
}

// A message that is alone in its topic does not hold its lane for longer than Patience.
func TestEveryAttemptCountsAfterPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		r := start(t, s, consume.Config{}, func(context.Context, signalcast.Event[changed]) error { return errReceiver })
		s.feed.Add([]consume.Message{message("a", 1)})
		time.Sleep(59 * time.Minute)
		require.Zero(t, r.counts().DeadLettered)
		time.Sleep(15 * time.Minute)
		require.EqualValues(t, 1, r.counts().DeadLettered)
		r.stop(t)
	})
}

// A retry calls only the receivers that failed, also if one ended its goroutine.
func TestReceiversThatSucceededAreNotCalledAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(){"panic": func() { panic("a secret") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScript(false)
				var first, second int
				r := start(t, s, consume.Config{},
					func(context.Context, signalcast.Event[changed]) error { first++; return nil },
					func(context.Context, signalcast.Event[changed]) error {
						if second++; second < 3 {
							end()
						}
						return nil
					})
				s.feed.Add([]consume.Message{message("a", 1)})
				time.Sleep(time.Minute)
				synctest.Wait()
				require.Equal(t, []int{1, 3}, []int{first, second})
				r.stop(t)
			})
		})
	}
}

// A permanent failure ends the attempts, unless another receiver failed for a reason that may pass.
func TestPermanentFailureIsNotRetried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		calls := map[int64]int{}
		r := start(t, s, consume.Config{
			Concurrency: 1,
			Handle: func(ctx context.Context, e *signalcast.Received) error {
				if err := e.Deliver(ctx); err != nil {
					return fmt.Errorf("in a trace: %w", err)
				}
				return nil
			},
		},
			func(_ context.Context, e signalcast.Event[changed]) error {
				calls[e.Data.N]++
				return errors.Join(consume.ErrPermanent, errors.New("the order does not exist"))
			},
			func(_ context.Context, e signalcast.Event[changed]) error {
				if e.Data.N == 2 && calls[2] < 3 {
					return errReceiver
				}
				return nil
			})
		s.feed.Add([]consume.Message{message("a", 1), message("a", 2)})
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, map[int64]int{1: 1, 2: 3}, calls)
		require.EqualValues(t, 2, r.counts().DeadLettered)
		r.stop(t)
	})
}

// A message whose dead letter is not acknowledged is kept.
func TestMessageIsKeptUntilItsDeadLetterIsAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(true)
		var full atomic.Bool
		full.Store(true)
		var letters []map[string]string
		s.publish = func(to string, m *consume.Message, extra []consume.Field) error {
			if full.Load() {
				return errors.New("the topic is full")
			}
			fields := map[string]string{"topic": to, "position": m.Position()}
			for _, f := range extra {
				fields[f.Name] = f.Value
			}
			letters = append(letters, fields)
			return nil
		}
		calls := 0
		r := start(t, s, consume.Config{DeadLetterSuffix: "failed"}, func(context.Context, signalcast.Event[changed]) error {
			calls++
			return consume.ErrPermanent
		})
		s.feed.Add([]consume.Message{message("a", 1)})
		time.Sleep(10 * time.Minute)
		require.Empty(t, s.taken())
		require.ErrorContains(t, r.Status().Retrying[0].Err, "the topic is full")
		full.Store(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Equal(t, []int64{1}, s.taken())
		require.Equal(t, 1, calls)
		require.Len(t, letters, 1)
		require.Equal(t, "orders-group-failed", letters[0]["topic"])
		require.Equal(t, "orders/0/1", letters[0][consume.FieldPosition])
		require.Equal(t, "group", letters[0][consume.FieldGroup])
		require.Contains(t, letters[0][consume.FieldReason], "permanent failure")
		r.stop(t)
	})
}

func TestDropAcknowledgesTheMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(true)
		var dropped error
		r := start(t, s, consume.Config{OnFailure: consume.Drop, Hooks: consume.Hooks{
			Dropped: func(_ *consume.Message, err error) { dropped = err },
		}}, func(context.Context, signalcast.Event[changed]) error { return consume.ErrPermanent })
		s.feed.Add([]consume.Message{message("a", 1)})
		synctest.Wait()
		require.Equal(t, []int64{1}, s.taken())
		require.ErrorIs(t, dropped, consume.ErrPermanent)
		r.stop(t)
	})
}

func TestStopEndsRunWithoutAcknowledging(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, ordered := range []bool{true, false} {
			s, j := newScript(ordered), newJournal()
			r := start(t, s, consume.Config{OnFailure: consume.Stop}, func(_ context.Context, e signalcast.Event[changed]) error {
				if e.Data.N == 2 {
					return consume.ErrPermanent
				}
				j.add(e)
				return nil
			})
			s.feed.Add([]consume.Message{message("a", 1), message("a", 2), message("a", 3)})
			before := time.Now()
			err := <-r.ended
			require.Less(t, time.Since(before), time.Second)
			stopped, ok := errors.AsType[*consume.StopError](err)
			require.True(t, ok)
			require.Equal(t, "orders/0/2", stopped.Position)
			require.Equal(t, []int64{1}, j.list())
			require.EqualValues(t, 2, r.counts().Returned)
			r.requireLedger(t)
		}
	})
}

// Run ends although a receiver ignores its context.
func TestRunEndsAfterGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		release := make(chan struct{})
		var canceled atomic.Bool
		r := start(t, s, consume.Config{Grace: 5 * time.Second}, func(ctx context.Context, _ signalcast.Event[changed]) error {
			<-ctx.Done()
			canceled.Store(true)
			<-release
			return nil
		})
		s.feed.Add([]consume.Message{message("a", 1)})
		synctest.Wait()
		before := time.Now()
		r.stop(t)
		require.Equal(t, 6*time.Second, time.Since(before), "Grace, and a second")
		require.True(t, canceled.Load())
		require.EqualValues(t, 1, r.counts().Returned)
		close(release)
	})
}

func TestRunRunsOnce(t *testing.T) {
	t.Parallel()
	s := newScript(false)
	r := start(t, s, consume.Config{})
	require.ErrorIs(t, r.Run(t.Context()), consume.ErrRunning)
	r.stop(t)
}

func TestPanicsOfHooksAndHandleAreRecovered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		r := start(t, s, consume.Config{
			HandleAll: true,
			Handle: func(_ context.Context, e *signalcast.Received) error {
				if data, _ := e.Data().(changed); data.N == 1 {
					panic("a secret")
				}
				return nil
			},
			Hooks: consume.Hooks{
				Handled: func(*consume.Message, signalcast.Metadata) { panic("a hook") },
				Failed:  func(*consume.Message, int, error) { panic("a hook") },
			},
		})
		s.feed.Add([]consume.Message{message("a", 1), message("b", 2)})
		synctest.Wait()
		require.EqualValues(t, 1, r.counts().Handled)
		require.Len(t, r.Status().Retrying, 1)
		require.EqualError(t, r.Status().Retrying[0].Err, "Config.Handle panicked with a string")
		r.stop(t)
	})
}

func TestReceiversSeeTheMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		var position string
		r := start(t, s, consume.Config{}, func(ctx context.Context, e signalcast.Event[changed]) error {
			m, ok := consume.MessageFrom(ctx)
			if ok && e.FromEventBus {
				position = m.Position()
			}
			return nil
		})
		s.feed.Add([]consume.Message{message("a", 7)})
		synctest.Wait()
		require.Equal(t, "orders/0/7", position)
		r.stop(t)
	})
}

func TestConfigErrorsNameTheSetting(t *testing.T) {
	t.Parallel()
	_, err := consume.New(signalcast.NewRegistry(), newScript(false), consume.Config{
		Concurrency: -1, Grace: -1, OnFailure: 7, Retry: consume.Retry{Attempts: -1, Min: -1}, HandleAll: true,
	})
	for _, want := range []string{
		"consume: Concurrency: found -1; want a positive number", "Grace: found -1ns", "OnFailure: found Action(7); want DeadLetter",
		"Retry.Attempts", "Retry.Min", "HandleAll: found true without Handle; want both, or neither",
	} {
		require.ErrorContains(t, err, want)
	}
	_, err = consume.New(nil, newScript(false), consume.Config{})
	require.EqualError(t, err, "consume: registry: found nil; want the registry of the signals")
}
