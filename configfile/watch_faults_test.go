package configfile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

// A read of a FIFO without a writer blocks in the system call.
func TestFIFOInPlaceOfTheFileDelaysNothing(t *testing.T) {
	t.Parallel()
	path := write(t, "site.yaml", ordersTo("orders"))
	s := watch(t, configfile.File(path))
	require.NoError(t, os.Remove(path))
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	defer func() {
		writer, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, writer.Close())
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Check(ctx), context.DeadlineExceeded)
	require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: "test", By: "test"}))
	require.Equal(t, 1, s.Status().Generation)
	require.ErrorIs(t, s.Close(ctx), context.DeadlineExceeded)
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

func TestWatchReportsAClosedDispatcherOnce(t *testing.T) {
	t.Parallel()
	bubble(t, ordersTo("orders"), func(t *testing.T, path string, s *watched) {
		require.NoError(t, s.dispatcher.Close(t.Context()))
		rewrite(t, path, ordersTo("audit"))
		pass(time.Minute)
		require.ErrorIs(t, s.Status().Err, signalcast.ErrClosed)
		require.Zero(t, s.Status().RetryAt)
		require.Equal(t, "level=ERROR msg=\"configuration refused, keeping the last one\" error=\"dispatcher is closed\"\n", s.log.take())
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

func TestThousandReloadsUnderLoadLoseNothing(t *testing.T) {
	t.Parallel()
	path := write(t, "site.yaml", ordersTo("orders", "odd"))
	s := watch(t, configfile.File(path))
	ctx, stop := context.WithCancel(t.Context())
	var senders sync.WaitGroup
	var sent atomic.Int64
	for range 2 {
		senders.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.placed.SendAsync(context.WithoutCancel(ctx), s.registry, orderEvent{order{"1"}}); err != nil {
					t.Error(err)
				}
				sent.Add(1)
			}
		})
	}
	for i := range 1000 {
		topic := []string{"even", "odd"}[i%2]
		rewrite(t, filepath.Join(filepath.Dir(path), "new"), ordersTo("orders", topic))
		require.NoError(t, os.Rename(filepath.Join(filepath.Dir(path), "new"), path))
		require.NoError(t, s.Check(t.Context()))
	}
	stop()
	senders.Wait()
	require.NoError(t, s.dispatcher.Flush(t.Context()))
	require.Equal(t, 1001, s.Status().Generation)
	stats := s.dispatcher.Stats()
	require.Equal(t, 2*sent.Load(), stats.Accepted, "each event goes to two topics")
	require.Equal(t, stats.Accepted, stats.Delivered)
	require.Len(t, s.backend.Messages("orders"), int(sent.Load()))
	t.Logf("%d messages during 1000 reloads", stats.Delivered)
}

// One operation is one read of three files that have not changed.
func BenchmarkWatchIdle(b *testing.B) {
	dir := b.TempDir()
	paths := []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b.yaml"), filepath.Join(dir, "c.toml")}
	for i, text := range []string{
		`{"org.example.order.placed.v1": {"orders": {"event_key_field": "order.id", "enabled": false}}}`,
		ordersTo("orders", "audit", "billing"),
		"['org.example.order.placed.v1'.orders]\nenabled = true\n",
	} {
		require.NoError(b, os.WriteFile(paths[i], []byte(text), 0o600))
	}
	registry := signalcast.NewRegistry()
	require.NoError(b, registry.Register(signalcast.NewSignal[orderEvent]("org.example.order.placed.v1")))
	var reads atomic.Int64
	last, end := make(chan struct{}), int64(b.N)+1
	loaded, err := configfile.Load(registry, configfile.File(paths[0]), configfile.File(paths[1]), configfile.File(paths[2]), func() (signalcast.Layer, error) {
		if reads.Add(1) == end {
			close(last)
		}
		return signalcast.Layer{Name: "counter"}, nil
	})
	require.NoError(b, err)
	dispatcher, err := signalcast.NewDispatcher(b.Context(), registry, loaded.Merged, &preparing{})
	require.NoError(b, err)
	b.ReportAllocs()
	b.ResetTimer()
	w, err := configfile.Watch(dispatcher, loaded, configfile.WatchConfig{Interval: 1})
	require.NoError(b, err)
	<-last
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e7, "%core-at-1s")
	require.NoError(b, w.Close(b.Context()))
}
