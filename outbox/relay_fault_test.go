package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
)

func TestAMessageThatIsTooLargeIsParkedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		require.NoError(t, s.store.InTx(t.Context(), func(ctx context.Context) error {
			return enrolled.Send(ctx, s.registry, enrollment{strings.Repeat("x", 2000), 0})
		}))
		s.enroll(1)
		b := memory.New(memory.WithBuffer(10, 1000))
		var parked []string
		stop, relay := s.run(b, outbox.Config{Hooks: outbox.Hooks{Parked: func(row outbox.Row, err error) {
			parked = append(parked, row.Topic)
			require.ErrorIs(t, err, signalcast.ErrTooLarge)
		}}})
		time.Sleep(time.Second)
		requireInOrder(t, b, "a", 2, 0)
		require.Equal(t, int64(1), s.status().Parked)
		stop()
		require.Equal(t, []string{"a"}, parked)

		larger := memory.New() // retried by the operator
		stop, _ = s.run(larger, outbox.Config{})
		time.Sleep(time.Second)
		n, err := s.store.Retry(t.Context(), outbox.Filter{Topic: "a"})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		time.Sleep(time.Second)
		stop()
		require.Len(t, larger.Messages("a"), 1)
		require.Zero(t, s.status().Pending+s.status().Parked)
		require.Equal(t, int64(1), relay.Stats().Parked)
	})
}

// hangs keeps the messages of topic "hung" until it is released.
type hangs struct {
	*memory.Backend

	mu   sync.Mutex
	free []func()
	open bool
}

func (b *hangs) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Topic != "hung" || b.open {
		return b.Backend.Publish(ctx, m, done)
	}
	b.free = append(b.free, func() { _ = b.Backend.Publish(context.Background(), m, done) })
	return nil
}

func (b *hangs) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = true
	for _, publish := range b.free {
		publish()
	}
}

func TestATopicThatHangsDoesNotHoldOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "hung", "works")
		b := &hangs{Backend: memory.New()}
		stop, relay := s.run(b, outbox.Config{MaxInFlight: 100})
		defer stop()
		for i := range 3000 {
			s.enroll(i)
		}
		time.Sleep(10 * time.Second)
		require.Zero(t, requireInOrder(t, b.Backend, "works", 3000))
		require.Equal(t, int64(3000), s.status().Pending)
		require.LessOrEqual(t, relay.Stats().InFlight, int64(75))
		b.release()
		time.Sleep(10 * time.Second)
		require.Zero(t, requireInOrder(t, b.Backend, "hung", 3000))
		require.Zero(t, s.status().Pending)
	})
}

func TestAfterAFailureTheLastMessageOfAKeyIsTheLatest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		for i := range 100 {
			s.enroll(i)
		}
		b := memory.New()
		b.Inject(memory.Fault{Times: 3, Err: errors.New("timed out"), Fate: signalcast.FateNotWritten})
		stop, _ := s.run(b, outbox.Config{})
		time.Sleep(time.Minute)
		stop()
		latest := map[string]int64{}
		seen := map[int64]bool{}
		for _, m := range b.Messages("a") {
			data := decode(t, m)
			latest[data.User] = data.Number
			seen[data.Number] = true
		}
		require.Len(t, seen, 100)
		for user, number := range latest {
			require.GreaterOrEqual(t, number, int64(80), user)
		}
	})
}

func TestAnotherRelayTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		first, second := memory.New(), memory.New()
		stopFirst, leader := s.run(first, outbox.Config{Holder: "first"})
		synctest.Wait()
		stopSecond, standby := s.run(second, outbox.Config{Holder: "second"})
		defer stopSecond()
		s.enroll(0)
		time.Sleep(time.Minute)
		require.True(t, leader.Stats().Leading)
		require.False(t, standby.Stats().Leading)
		stopFirst()
		s.enroll(1)
		time.Sleep(5 * time.Second)
		require.True(t, standby.Stats().Leading)
		require.Len(t, first.Messages(), 1)
		require.Len(t, second.Messages(), 1)
	})
}

// away fails every operation of the store while it is set.
type away struct {
	outbox.Store

	set *atomic.Bool
}

var errAway = errors.New("database is away")

func (s away) Acquire(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
	if s.set.Load() {
		return outbox.Lease{}, errAway
	}
	return s.Store.Acquire(ctx, holder, ttl)
}

func (s away) Delete(ctx context.Context, sequences []int64) error {
	if s.set.Load() {
		return errAway
	}
	return s.Store.Delete(ctx, sequences)
}

func (s away) NewReader() outbox.Reader { return awayReader{s.Store.NewReader(), s.set} }

type awayReader struct {
	outbox.Reader

	set *atomic.Bool
}

func (r awayReader) Fetch(ctx context.Context, limit int) ([]outbox.Row, error) {
	if r.set.Load() {
		return nil, errAway
	}
	return r.Reader.Fetch(ctx, limit)
}

func TestARelayThatCannotRenewItsLeaseStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		set := &atomic.Bool{}
		var log strings.Builder
		b, successor := memory.New(), memory.New()
		relay, err := outbox.NewRelay(away{s.store, set}, b, outbox.Config{Holder: "first", Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- relay.Run(ctx) }()
		s.enroll(0)
		time.Sleep(time.Second)
		require.Len(t, b.Messages(), 1)

		set.Store(true)
		time.Sleep(14 * time.Second)
		require.False(t, relay.Stats().Leading, "before its lease of 15 s has ended")
		stop, _ := s.run(successor, outbox.Config{Holder: "second"})
		s.enroll(1)
		time.Sleep(5 * time.Second)
		require.Len(t, successor.Messages(), 1)
		set.Store(false)
		time.Sleep(time.Minute)
		require.False(t, relay.Stats().Leading)
		stop()
		time.Sleep(5 * time.Second)
		require.True(t, relay.Stats().Leading)
		cancel()
		require.NoError(t, <-done)
		require.Equal(t, 1, strings.Count(log.String(), "outbox fails, retrying"))
		require.Contains(t, log.String(), `msg="outbox works again"`)
		require.Contains(t, log.String(), `msg="relay lost the lease"`)
		require.Contains(t, log.String(), `msg="relay stands by" holder=second`)
	})
}

func TestRunWaitsForMessagesInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		b := memory.New()
		b.Inject(memory.Fault{Delay: 2 * time.Second})
		stop, _ := s.run(b, outbox.Config{})
		s.enroll(0)
		time.Sleep(time.Second)
		stop()
		require.Len(t, b.Messages(), 1)
		require.Zero(t, s.status().Pending, "the row is deleted")
		require.Empty(t, s.status().Lease.Holder)
	})
}

func TestRunGivesUpMessagesInFlightAfterDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		b := memory.New()
		b.Hold()
		stop, _ := s.run(b, outbox.Config{Drain: 3 * time.Second})
		s.enroll(0)
		time.Sleep(time.Second)
		start := time.Now()
		stop()
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Equal(t, int64(1), s.status().Pending)
		b.Release()
	})
}

func TestAClosedBackendEndsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		s.enroll(0)
		b := memory.New()
		require.NoError(t, b.Close(t.Context()))
		relay, err := outbox.NewRelay(s.store, b, outbox.Config{})
		require.NoError(t, err)
		require.ErrorIs(t, relay.Run(t.Context()), signalcast.ErrClosed)
		require.Equal(t, int64(1), s.status().Pending)
	})
}

func TestPanicsOfHooksDoNotStopTheRelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		b := memory.New()
		var log strings.Builder
		secret := "of user-1"
		stop, _ := s.run(b, outbox.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Hooks: outbox.Hooks{
				Delivered: func(outbox.Row, signalcast.Receipt) { panic(secret) },
				Leading:   func(bool) { panic(secret) },
			},
		})
		s.enroll(1)
		s.enroll(21)
		time.Sleep(time.Second)
		stop()
		require.Len(t, b.Messages(), 2)
		require.Equal(t, 4, strings.Count(log.String(), "hook panicked"))
		require.NotContains(t, log.String(), secret)
	})
}

func TestNewRelayChecksItsConfiguration(t *testing.T) {
	t.Parallel()
	s := newService(t, "a")
	for _, c := range []struct {
		want   string
		config outbox.Config
	}{
		{"outbox: Lease: found 1ms; want at least 1s, or 0 for the default", outbox.Config{Lease: time.Millisecond}},
		{"outbox: Batch: found -1; want a positive number, or 0 for the default", outbox.Config{Batch: -1}},
	} {
		_, err := outbox.NewRelay(s.store, memory.New(), c.config)
		require.EqualError(t, err, c.want)
		require.ErrorAs(t, err, new(*outbox.ConfigError))
	}
	_, err := outbox.NewRelay(nil, memory.New(), outbox.Config{})
	require.EqualError(t, err, "outbox: store: found nil; want the store of the messages")
	_, err = outbox.NewRelay(s.store, nil, outbox.Config{})
	require.EqualError(t, err, "outbox: backend: found nil; want the backend to publish to")
}
