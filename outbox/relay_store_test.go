package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
	outboxmemory "github.com/signalcast/signalcast/outbox/memory"
)

// undeletable is a store whose Delete fails while it is set.
type undeletable struct {
	outbox.Store

	set atomic.Bool
}

func (s *undeletable) Delete(ctx context.Context, sequences []int64) error {
	if s.set.Load() {
		return errAway
	}
	return s.Store.Delete(ctx, sequences)
}

func TestMaxInFlightBoundsRowsThatCannotBeDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		store := &undeletable{Store: s.store}
		store.set.Store(true)
		b := memory.New()
		var log strings.Builder
		relay, err := outbox.NewRelay(store, b, outbox.Config{MaxInFlight: 50, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- relay.Run(ctx) }()
		for i := range 1000 {
			s.enroll(i)
		}
		time.Sleep(10 * time.Minute)
		require.GreaterOrEqual(t, len(b.Messages()), 50)
		require.LessOrEqual(t, len(b.Messages()), 100)
		store.set.Store(false)
		time.Sleep(time.Minute)
		require.Zero(t, requireInOrder(t, b, "a", 1000))
		require.Zero(t, s.status().Pending)
		stop()
		require.NoError(t, <-done)
		require.Equal(t, 1, strings.Count(log.String(), "outbox fails, retrying"), log.String())
		require.Equal(t, 1, strings.Count(log.String(), "outbox works again"), log.String())
	})
}

// outdated is a store whose tables cannot be checked at first, and then have another version.
type outdated struct {
	outbox.Store

	checks int
}

func (s *outdated) Prepare(context.Context, []signalcast.Route) error {
	if s.checks++; s.checks < 3 {
		return errAway
	}
	return &outbox.SchemaError{Table: "t", Found: 1, Want: 2}
}

func (s *outdated) Acquire(context.Context, string, time.Duration) (outbox.Lease, error) {
	return outbox.Lease{}, errAway
}

func TestRunChecksTheTablesUntilTheDatabaseAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		relay, err := outbox.NewRelay(&outdated{Store: outboxmemory.New()}, memory.New(), outbox.Config{})
		require.NoError(t, err)
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		require.EqualError(t, relay.Run(ctx), "outbox: found version 1 of table t; want version 2 (run signalcast outbox migrate)")
	})
}

func TestTheEndOfRunIsNoErrorOfTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		var log strings.Builder
		relay, err := outbox.NewRelay(blocking{s.store}, memory.New(), outbox.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		require.NoError(t, err)
		for range 2 { // a relay can run again
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			require.NoError(t, relay.Run(ctx))
			stop()
		}
		require.Zero(t, relay.Stats().DatabaseErrors)
		require.NotContains(t, log.String(), "outbox fails")
	})
}

// blocking is a store whose reads last until their context ends.
type blocking struct{ outbox.Store }

func (s blocking) NewReader() outbox.Reader { return blockingReader{s.Store.NewReader()} }

type blockingReader struct{ outbox.Reader }

func (blockingReader) Fetch(ctx context.Context, _ int) ([]outbox.Row, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// twice reports each outcome twice.
type twice struct{ *memory.Backend }

func (b twice) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	return b.Backend.Publish(ctx, m, func(r signalcast.Receipt, err error) {
		done(r, err)
		done(signalcast.Receipt{}, errors.New("again"))
	})
}

func TestTheFirstOutcomeOfARowCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newService(t, "a")
		b := memory.New()
		stop, relay := s.run(twice{b}, outbox.Config{})
		for i := range 100 {
			s.enroll(i)
		}
		time.Sleep(time.Second)
		require.Zero(t, requireInOrder(t, b, "a", 100))
		stats := relay.Stats()
		require.Equal(t, int64(100), stats.Delivered)
		require.Zero(t, stats.Failed+stats.InFlight)
		stop()
	})
}
