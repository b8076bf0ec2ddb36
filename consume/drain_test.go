package consume_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/consume"
)

func TestRoomOfAnOrderedFeedCountsWhatIsBehindTheFirstPendingMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ordered     bool
		room, taken int
	}{
		"ordered": {true, 1, 0},
		"single":  {false, 3, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				p := begin(t, consume.Config{MaxInFlight: 4}, c.ordered, func(_ context.Context, name string) error {
					if name == "a" {
						<-release
					}
					return nil
				})
				require.Equal(t, 4, p.feed.Room())
				p.add("a", "b", "c")
				synctest.Wait()
				require.Equal(t, c.room, p.feed.Room())
				taken, n := p.feed.Take(nil)
				require.Equal(t, c.taken, n)
				require.Len(t, taken, c.taken)
				close(release)
				synctest.Wait()
				taken, rest := p.feed.Take(nil)
				require.Equal(t, 3, n+rest)
				require.Len(t, taken, 1)
				require.Equal(t, 3, p.feed.Unacknowledged())
				p.feed.Acknowledged(3)
				require.Zero(t, p.feed.Unacknowledged())
				require.Equal(t, 4, p.feed.Room())
				require.NoError(t, p.stop())
			})
		})
	}
}

func TestNotifyTellsThatMessagesWereHandled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, consume.Config{}, false, nil)
		notify := make(chan struct{}, 1)
		feed := p.in.Open(consume.FeedConfig{Topic: usersTopic, Notify: notify})
		defer feed.Close()
		for range 3 {
			feed.Add([]consume.Message{p.message("a")})
			<-notify
			_, n := feed.Take(nil)
			require.Equal(t, 1, n)
		}
		require.NoError(t, p.stop())
	})
}

func TestDrainOfAnOrderedFeedHandlesWhatIsBeforeTheNewestStarted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ordered  bool
		handled  []string
		returned int64
	}{
		"ordered": {true, []string{"b", "a1", "a2", "c"}, 2},
		"single":  {false, []string{"b", "a1", "c"}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				p := begin(t, consume.Config{}, c.ordered, func(ctx context.Context, name string) error {
					if name == "a1" || name == "c" {
						<-release
					}
					return ctx.Err()
				})
				p.add("a1", "b", "a2", "c", "a3", "a4")
				synctest.Wait()
				drained := make(chan error, 2)
				for range 2 {
					go func() { drained <- p.feed.Drain(t.Context()) }()
				}
				synctest.Wait()
				require.Empty(t, drained)
				require.Zero(t, p.feed.Room())
				p.add("d")
				close(release)
				require.NoError(t, <-drained)
				require.NoError(t, <-drained)
				require.ElementsMatch(t, c.handled, p.names())
				require.Equal(t, c.returned+1, p.counts().Returned)
				require.NoError(t, p.stop())
			})
		})
	}
}

func TestDrainReturnsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ended atomic.Bool
		p := begin(t, consume.Config{}, false, func(ctx context.Context, _ string) error {
			<-ctx.Done()
			ended.Store(true)
			return nil
		})
		p.add("a")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.feed.Drain(ctx), context.DeadlineExceeded)
		require.NoError(t, p.stop())
		require.True(t, ended.Load())
		counts := p.counts()
		require.Equal(t, int64(1), counts.Returned)
		require.Zero(t, counts.Handled)
	})
}

func TestDrainReturnsWhatWaitsForARetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, consume.Config{}, false, func(context.Context, string) error { return errFails })
		p.add("a1", "a2", "b")
		synctest.Wait()
		require.NoError(t, p.feed.Drain(t.Context()))
		require.Equal(t, int64(3), p.counts().Returned)
		require.Empty(t, p.Status().Retrying)
		require.NoError(t, p.stop())
	})
}

func TestExtendInThePastStopsHandlingUntilTheNextExtend(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var works atomic.Bool
		p := begin(t, consume.Config{Retry: quick}, false, func(_ context.Context, name string) error {
			if name == "r" && !works.Load() {
				return errFails
			}
			return nil
		})
		p.feed.Extend(time.Now().Add(500 * time.Millisecond))
		p.add("a", "r")
		wait(time.Minute)
		p.add("b", "b2")
		works.Store(true)
		wait(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"a"}, p.names())
		p.feed.Extend(time.Now().Add(time.Second))
		synctest.Wait()
		require.ElementsMatch(t, []string{"a", "r", "b", "b2"}, p.names())
		p.feed.Extend(time.Now())
		p.add("c")
		synctest.Wait()
		require.Len(t, p.names(), 4)
		p.feed.Extend(time.Time{})
		synctest.Wait()
		require.Len(t, p.names(), 5)
		require.NoError(t, p.stop())
	})
}

func TestSecondRunUsesNewFeeds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := begin(t, consume.Config{}, false, nil)
		require.ErrorIs(t, p.Run(t.Context()), consume.ErrRunning)
		p.add("a")
		synctest.Wait()
		require.NoError(t, p.stop())
		p.run()
		p.feed = p.in.Open(consume.FeedConfig{Topic: usersTopic})
		p.add("b")
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, p.names())
		require.NoError(t, p.stop())
	})
}
