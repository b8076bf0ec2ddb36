package configfile_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
)

// gate is a source that blocks while it is shut.
type gate struct {
	source configfile.Source
	calls  atomic.Int64
	open   atomic.Pointer[chan struct{}]
}

func newGate(source configfile.Source) *gate { return &gate{source: source} }

func (g *gate) read() (signalcast.Layer, error) {
	g.calls.Add(1)
	if open := g.open.Load(); open != nil {
		<-*open
	}
	return g.source()
}

func (g *gate) shut() { g.open.Store(new(make(chan struct{}))) }

func (g *gate) release() { close(*g.open.Swap(nil)) }

func TestWatchReportsASourceThatBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "site.yaml", ordersTo("orders"))
		g := newGate(configfile.File(path))
		s := watch(t, configfile.Layer(signalcast.Layer{Name: "defaults"}), g.read)
		pass(1500 * time.Millisecond)
		g.shut()
		pass(time.Second)
		calls := g.calls.Load()
		require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: "test", By: "test"}), "it does not wait for the source")
		s.requireTopics(t)
		require.NoError(t, s.dispatcher.SwitchOn("", "", "test"))
		s.requireGeneration(t, 1)

		pass(time.Minute)
		var blocked *configfile.BlockedError
		require.ErrorAs(t, s.Status().Err, &blocked)
		require.Equal(t, path, blocked.Source)
		require.Equal(t, time.Now().Add(-time.Minute-500*time.Millisecond), blocked.Since)
		require.Equal(t, blocked.Since.Add(5*time.Second), s.Status().Since)
		require.Equal(t, calls, g.calls.Load(), "it is not called again")
		require.ErrorAs(t, s.Check(t.Context()), &blocked)
		require.Equal(t, "level=WARN msg=\"configuration source does not return, keeping the last configuration\" "+
			"error=\"site.yaml: found no result after 5s; want a file or a source that can be read at once\"\n", base(path, s.log.take()))
		s.requireTopics(t, "orders")

		g.release()
		pass(2 * time.Second)
		s.requireGeneration(t, 1)
		require.Equal(t, "level=INFO msg=\"configuration works again\"\n", s.log.take())
		rewrite(t, path, ordersTo("audit"))
		pass(2 * time.Second)
		s.requireGeneration(t, 2)
		s.requireTopics(t, "audit")
	})
}

func TestWatchAppliesAChangeOfASlowSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "site.yaml", ordersTo("orders"))
		file, calls := configfile.File(path), atomic.Int64{}
		s := watch(t, func() (signalcast.Layer, error) {
			if calls.Add(1) > 1 {
				<-time.After(7 * time.Second)
			}
			return file()
		})
		rewrite(t, path, ordersTo("audit"))
		pass(time.Minute)
		s.requireTopics(t, "audit")
		_ = s.Close(t.Context()) // may leave the read in progress
		pass(7 * time.Second)
	})
}

func TestCheckDoesNotApplyAnEarlierRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		path := write(t, "site.yaml", ordersTo("orders"))
		file, g := configfile.File(path), newGate(nil)
		g.source = func() (signalcast.Layer, error) { return signalcast.Layer{}, nil }
		s := watch(t, func() (signalcast.Layer, error) {
			layer, err := file()
			_, _ = g.read() // blocks with the old contents
			return layer, err
		})
		pass(1500 * time.Millisecond)
		g.shut()
		pass(10 * time.Second)
		rewrite(t, path, ordersTo("audit"))
		g.release()
		synctest.Wait()
		require.NoError(t, s.Check(t.Context()))
		s.requireTopics(t, "audit")
		s.requireGeneration(t, 2)
	})
}

func TestCheckWithAnEndedContextChecksNothing(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for i := range 100 { // select would choose at random
			if i == 50 {
				rewrite(t, path, ordersTo("audit"))
			}
			require.ErrorIs(t, s.Check(ended), context.Canceled)
		}
		s.requireTopics(t, "orders")
	})
}

func TestWatchReportsASourceThatPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		file := configfile.File(write(t, "site.yaml", ordersTo("orders")))
		s := watch(t, func() (signalcast.Layer, error) {
			if calls.Add(1) > 1 {
				panic("secret")
			}
			return file()
		})
		pass(2500 * time.Millisecond)
		require.EqualError(t, s.Status().Err, "source 1: panicked with a string")
		s.requireTopics(t, "orders")
	})
}

func TestWatchRepeatsAReloadWhileTheRegistryIsAway(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		away := errors.New("registry: connection refused")
		s.backend.fail(away)
		rewrite(t, path, ordersTo("audit"))
		began := time.Now().Add(1500 * time.Millisecond)
		pass(2 * time.Second)
		status := s.Status()
		require.ErrorIs(t, status.Err, away)
		require.Equal(t, time.Now().Add(500*time.Millisecond), status.RetryAt)
		pass(3 * time.Minute)
		var attempts []float64
		for _, at := range s.backend.times()[1:] { // the first is of NewDispatcher
			attempts = append(attempts, at.Sub(began).Seconds())
		}
		require.Equal(t, []float64{0, 1, 3, 7, 15, 31, 63, 123}, attempts)
		s.requireTopics(t, "orders")
		require.Equal(t, `level=WARN msg="configuration not applied, retrying" error="prepare backend: registry: connection refused"`+"\n", s.log.take())

		s.backend.onPrepare(nil)
		pass(time.Minute)
		s.requireTopics(t, "audit")
		s.requireGeneration(t, 2)
		require.Equal(t, 1, strings.Count(s.log.take(), "generation=2"))
	})
}

func TestNewContentsAndCheckDoNotWaitForTheRetry(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		away := errors.New("registry: connection refused")
		s.backend.fail(away)
		rewrite(t, path, ordersTo("audit"))
		pass(time.Minute)
		require.ErrorIs(t, s.Check(t.Context()), away)
		s.backend.onPrepare(nil)
		require.NoError(t, s.Check(t.Context()))
		s.requireTopics(t, "audit")

		s.backend.fail(away)
		rewrite(t, path, ordersTo("orders"))
		pass(time.Minute)
		require.Greater(t, time.Until(s.Status().RetryAt), time.Second)
		rewrite(t, path, ordersTo("orders", "audit"))
		pass(2 * time.Second)
		require.Equal(t, 500*time.Millisecond, time.Until(s.Status().RetryAt), "new contents begin with a short wait")
		s.backend.onPrepare(nil)
		rewrite(t, path, ordersTo("billing"))
		pass(2 * time.Second)
		s.requireTopics(t, "billing")
		s.requireGeneration(t, 3)
	})
}

func TestHungReloadEndsAfterItsLimit(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		s.backend.onPrepare(func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		rewrite(t, path, ordersTo("audit"))
		pass(20 * time.Second)
		require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: "test", By: "test"}))
		s.requireTopics(t)
		pass(12 * time.Second)
		require.ErrorIs(t, s.Status().Err, context.DeadlineExceeded)
		require.NotZero(t, s.Status().RetryAt)
	})
}

func TestWatchReportsAClosedDispatcherOnce(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		require.NoError(t, s.dispatcher.Close(t.Context()))
		rewrite(t, path, ordersTo("audit"))
		pass(time.Minute)
		require.ErrorIs(t, s.Status().Err, signalcast.ErrClosed)
		require.Zero(t, s.Status().RetryAt)
		require.Equal(t, "level=ERROR msg=\"configuration rejected, keeping the last one\" error=\"dispatcher is closed\"\n", s.log.take())
	})
}

func TestCheckThatIsCancelledIsAppliedByTheNextRead(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		s.backend.onPrepare(func(ctx context.Context) error {
			<-ctx.Done()
			s.backend.onPrepare(nil)
			return ctx.Err()
		})
		rewrite(t, path, ordersTo("audit"))
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, s.Check(ctx), context.DeadlineExceeded)
		require.NoError(t, s.Status().Err)
		pass(time.Second)
		s.requireTopics(t, "audit")
	})
}
