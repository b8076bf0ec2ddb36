package configfile_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

func TestCloseLeavesASourceThatBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(configfile.File(write(t, "site.yaml", ordersTo("orders"))))
		s := watch(t, g.read)
		defer g.release()
		g.shut()
		pass(1500 * time.Millisecond)
		began := time.Now()
		var blocked *configfile.BlockedError
		require.ErrorAs(t, s.Close(t.Context()), &blocked)
		require.Equal(t, 4500*time.Millisecond, time.Since(began))
		require.ErrorAs(t, s.Close(t.Context()), &blocked, "the same error again")
	})
}

func TestCloseWaitsForASourceThatReturns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(configfile.File(write(t, "site.yaml", ordersTo("orders"))))
		s := watch(t, g.read)
		g.shut()
		pass(1500 * time.Millisecond)
		time.AfterFunc(time.Second, g.release)
		began := time.Now()
		require.NoError(t, s.Close(t.Context()))
		require.Equal(t, time.Second, time.Since(began))
	})
}

func TestCloseCancelsTheCheckInProgress(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		s.backend.onPrepare(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		rewrite(t, path, ordersTo("audit"))
		results := make(chan error, 2)
		for range cap(results) { // one waits for the other
			go func() { results <- s.Check(t.Context()) }()
		}
		synctest.Wait()
		require.NoError(t, s.Close(t.Context()))
		for range cap(results) {
			require.ErrorIs(t, <-results, signalcast.ErrClosed)
		}
		require.NoError(t, s.Status().Err)
		require.Empty(t, s.log.take())
		require.ErrorIs(t, s.Check(t.Context()), signalcast.ErrClosed)
	})
}

func TestCloseWaitsForABackendUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		goOn := make(chan struct{})
		defer close(goOn)
		s.backend.onPrepare(func(context.Context) error {
			<-goOn
			return nil
		})
		rewrite(t, path, ordersTo("audit"))
		pass(2 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.Close(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "close watcher: waiting for the check in progress")
	})
}

func TestCloseIsIdempotentAndStopsReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(configfile.File(write(t, "site.yaml", ordersTo("orders"))))
		s := watch(t, g.read)
		pass(1500 * time.Millisecond)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var closes sync.WaitGroup
		for range 8 {
			closes.Go(func() { require.NoError(t, s.Close(t.Context())) })
		}
		closes.Wait()
		require.NoError(t, s.Close(ended))
		calls := g.calls.Load()
		pass(time.Minute)
		require.Equal(t, calls, g.calls.Load())
		s.requireTopics(t, "orders")
	})
}

func TestCloseOfAnIdleWatcherNeedsNoTime(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 { // select would choose at random
		s := watch(t, configfile.File(write(t, "site.yaml", ordersTo("orders"))))
		require.NoError(t, s.Close(ended))
	}
}
