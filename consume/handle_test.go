package consume_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

func TestAttemptsCountOnlyWhileOthersAreHandled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, consume.Config{Retry: quick}, false, func(_ context.Context, name string) error {
			if name == "a" {
				return errFails
			}
			return nil
		})
		p.add("a")
		wait(30 * time.Second)
		synctest.Wait()
		require.Zero(t, p.Status().Retrying[0].Attempts)
		for want := 1; want < 3; want++ {
			p.add("b")
			wait(4 * time.Second)
			synctest.Wait()
			require.Equal(t, want, p.Status().Retrying[0].Attempts)
		}
		p.add("b")
		wait(4 * time.Second)
		synctest.Wait()
		require.Equal(t, int64(1), p.counts().DeadLettered)
		require.NoError(t, p.stop())
	})
}

func TestPermanentFailureOfAllReceiversEndsAttempts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second error
		attempts      int
	}{
		"both":   {consume.ErrPermanent, consume.ErrPermanent, 1},
		"second": {nil, consume.ErrPermanent, 1},
		"one":    {errFails, consume.ErrPermanent, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				first := c.first
				p := begin(t, consume.Config{Retry: quick}, false, func(context.Context, string) error {
					err := first
					if errors.Is(err, errFails) {
						first = nil
					}
					return err
				})
				_, err := p.signal.Connect(p.registry, func(context.Context, signalcast.Event[user]) error { return c.second })
				require.NoError(t, err)
				p.add("a")
				wait(10 * time.Second)
				synctest.Wait()
				counts := p.counts()
				require.Equal(t, int64(1), counts.DeadLettered)
				require.Equal(t, int64(c.attempts), counts.Failed)
				require.NoError(t, p.stop())
			})
		})
	}
}

func TestDeadLetterThatCannotBePublishedIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := begin(t, consume.Config{Retry: quick}, false, func(context.Context, string) error {
			calls++
			return consume.ErrPermanent
		})
		var works atomic.Bool
		p.source.published = func(to string, _ *consume.Message, extra []consume.Field) error {
			if !works.Load() {
				return errFails
			}
			require.Equal(t, "users-group-dead", to)
			require.Equal(t, usersTopic+"/id0", extra[3].Value)
			require.Equal(t, "group", extra[2].Value)
			return nil
		}
		p.add("a")
		wait(time.Minute)
		synctest.Wait()
		require.Equal(t, int64(1), p.counts().Pending)
		works.Store(true)
		wait(time.Minute)
		synctest.Wait()
		require.Equal(t, int64(1), p.counts().DeadLettered)
		require.Equal(t, 1, calls)
		require.NoError(t, p.stop())
	})
}

func TestPanickingHooksAreLoggedWithoutData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		hook := func() { panic("secret") }
		p := begin(t, consume.Config{
			Logger: slog.New(slog.NewTextHandler(&log, nil)), Concurrency: 1,
			Hooks: consume.Hooks{
				Handled:      func(*consume.Message, signalcast.Metadata) { hook() },
				Failed:       func(*consume.Message, int, error) { hook() },
				DeadLettered: func(*consume.Message, string, error) { hook() },
				Skipped:      func(*consume.Message) { hook() },
			},
		}, false, func(_ context.Context, name string) error {
			if name == "secret1" {
				return consume.ErrPermanent
			}
			if name == "secret2" {
				panic("secret")
			}
			return nil
		})
		skipped := p.message("a")
		skipped.Value = nil
		p.feed.Add([]consume.Message{skipped})
		broken := p.message("secret3")
		broken.Value = append(broken.Value, "secret"...)
		p.feed.Add([]consume.Message{broken})
		p.add("b", "secret1", "secret2")
		synctest.Wait()
		counts := p.counts()
		require.Equal(t, int64(1), counts.Handled)
		require.Equal(t, int64(1), counts.Skipped)
		require.Equal(t, int64(2), counts.DeadLettered)
		require.NoError(t, p.stop())
		require.Contains(t, log.String(), "hook panicked")
		require.NotContains(t, log.String(), "secret")
	})
}

// Assertions of testing call runtime.Goexit.
func TestReceiverThatEndsItsGoroutineFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		p := begin(t, consume.Config{Concurrency: 1, Retry: quick}, false, func(context.Context, string) error {
			if calls++; calls == 1 {
				runtime.Goexit()
			}
			return nil
		})
		p.add("a", "b")
		wait(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, p.names())
		require.Equal(t, int64(2), p.counts().Handled)
		require.NoError(t, p.stop())
	})
}
