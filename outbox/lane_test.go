package outbox_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
)

// lateStore is a store in which one row becomes visible after rows with larger sequences, as transactions
// that overlap do with postgres.Config.Concurrent.
type lateStore struct {
	outbox.Store

	sequence int64
	visible  atomic.Bool
}

func (s *lateStore) NewReader() outbox.Reader {
	return &lateReader{Reader: s.Store.NewReader(), store: s}
}

type lateReader struct {
	outbox.Reader

	store *lateStore
	late  []outbox.Row // that Fetch did not return
}

func (r *lateReader) Fetch(ctx context.Context, limit int) ([]outbox.Row, error) {
	rows, err := r.Reader.Fetch(ctx, limit)
	visible := r.store.visible.Load()
	rows = slices.DeleteFunc(rows, func(row outbox.Row) bool {
		hidden := !visible && row.Sequence == r.store.sequence
		if hidden {
			r.late = append(r.late, row)
		}
		return hidden
	})
	if visible {
		rows = append(r.late, rows...)
		r.late = nil
	}
	return rows, err
}

func (r *lateReader) FetchLane(ctx context.Context, topic string, lane int, after int64, limit int) ([]outbox.Row, error) {
	rows, err := r.Reader.FetchLane(ctx, topic, lane, after, limit)
	return slices.DeleteFunc(rows, func(row outbox.Row) bool {
		return !r.store.visible.Load() && row.Sequence == r.store.sequence
	}), err
}

func TestRelayPublishesARowThatBecomesVisibleLate(t *testing.T) {
	t.Parallel()
	fault := memory.Fault{Times: 1, Err: errors.New("timed out")}
	for name, reveal := range map[string]time.Duration{
		"after the lane has gone on":      30 * time.Second,
		"while the lane waits to go on":   50 * time.Millisecond,
		"while messages are in flight":    20 * time.Millisecond,
		"while the lane has no row to go": 0,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newService(t, "a")
				late := &lateStore{Store: s.store, sequence: 2}
				b := memory.New()
				fault.Delay = 30 * time.Millisecond
				b.Inject(fault)
				relay, err := outbox.NewRelay(late, b, outbox.Config{Poll: time.Millisecond})
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- relay.Run(ctx) }()
				for i := range 4 { // of one user
					s.enroll(20 * i)
				}
				time.Sleep(reveal)
				late.visible.Store(true)
				time.Sleep(time.Minute)
				stop()
				require.NoError(t, <-done)
				require.Zero(t, s.status().Pending)
				seen := map[int64]bool{}
				for _, m := range b.Messages("a") {
					seen[decode(t, m).Number] = true
				}
				require.Equal(t, map[int64]bool{0: true, 20: true, 40: true, 60: true}, seen)
			})
		})
	}
}

// unreadable is a store whose reads of lanes fail.
type unreadable struct {
	outbox.Store

	reads atomic.Int64
}

func (s *unreadable) NewReader() outbox.Reader { return &unreadableReader{s.Store.NewReader(), s} }

type unreadableReader struct {
	outbox.Reader

	store *unreadable
}

func (r *unreadableReader) FetchLane(context.Context, string, int, int64, int) ([]outbox.Row, error) {
	r.store.reads.Add(1)
	time.Sleep(time.Millisecond) // the fake clock must advance
	return nil, errAway
}

func TestReadsOfALaneThatFailAreRetriedWithBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		store := &unreadable{Store: s.store}
		b := memory.New()
		b.Inject(memory.Fault{Times: 1, Err: errors.New("timed out")})
		relay, err := outbox.NewRelay(store, b, outbox.Config{})
		require.NoError(t, err)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		s.enroll(0)
		require.NoError(t, relay.Run(ctx))
		require.Greater(t, store.reads.Load(), int64(2))
		require.Less(t, store.reads.Load(), int64(20))
	})
}

// rejects rejects one number within Publish.
type rejects struct {
	*memory.Backend

	t      *testing.T
	number int64
}

func (b *rejects) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if decode(b.t, m).Number == b.number {
		return errors.New("name of the topic is malformed")
	}
	return b.Backend.Publish(ctx, m, done)
}

func TestARowThatTheBackendRejectsIsParked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		b := &rejects{memory.New(), t, 3}
		stop, relay := s.run(b, outbox.Config{Attempts: 4})
		defer stop()
		s.enroll(3)
		time.Sleep(10 * time.Minute)
		require.Zero(t, relay.Stats().Parked, "no other row was delivered")
		require.Equal(t, int64(1), relay.Stats().HeldLanes)
		for i := range 200 {
			s.enroll(4 + i%10)
			time.Sleep(time.Second)
		}
		require.Equal(t, int64(1), relay.Stats().Parked)
		rows, err := s.store.List(t.Context(), outbox.Filter{})
		require.NoError(t, err)
		require.Equal(t, 4, rows[0].Attempts)
		s.enroll(3)
		time.Sleep(time.Second)
		require.Equal(t, int64(1), relay.Stats().HeldLanes)
		stop()
		require.Zero(t, relay.Stats().HeldLanes)
	})
}
