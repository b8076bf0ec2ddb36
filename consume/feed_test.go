package consume_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// gate is a receiver whose calls wait until they are released.
type gate struct{ open map[int64]chan struct{} }

func newGate(numbers ...int64) *gate {
	g := &gate{open: map[int64]chan struct{}{}}
	for _, n := range numbers {
		g.open[n] = make(chan struct{})
	}
	return g
}

func (g *gate) receive(ctx context.Context, e signalcast.Event[changed]) error {
	if wait, ok := g.open[e.Data.N]; ok {
		select {
		case <-wait:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// An ordered feed acknowledges a message only when those before it are handled.
func TestOrderedFeedAcknowledgesThePrefix(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newScript(true), newGate(1, 3)
		r := start(t, s, consume.Config{MaxInFlight: 10}, g.receive)
		s.feed.Add([]consume.Message{message("a", 1), message("b", 2), message("c", 3), message("d", 4)})
		synctest.Wait()
		require.Empty(t, s.taken())
		require.Equal(t, 6, s.feed.Room(), "messages behind one that is not handled take room")
		close(g.open[1])
		synctest.Wait()
		require.Equal(t, []int64{2}, s.taken())
		require.Equal(t, 8, s.feed.Room())
		close(g.open[3])
		synctest.Wait()
		require.Equal(t, []int64{4}, s.taken())
		require.Equal(t, 10, s.feed.Room())
		r.stop(t)
	})
}

func TestUnorderedFeedAcknowledgesEachMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newScript(false), newGate(1)
		r := start(t, s, consume.Config{MaxInFlight: 10}, g.receive)
		s.feed.Add([]consume.Message{message("a", 1), message("b", 2), message("c", 3)})
		synctest.Wait()
		require.Equal(t, 9, s.feed.Room())
		require.ElementsMatch(t, []int64{2, 3}, s.taken())
		close(g.open[1])
		synctest.Wait()
		require.Equal(t, []int64{1}, s.taken())
		r.stop(t)
	})
}

// Handled messages that are not acknowledged take room too, so that few are repeated after a crash.
func TestRoomIsBoundedByAcknowledgements(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		r := start(t, s, consume.Config{MaxInFlight: 3}, newGate().receive)
		s.feed.Add([]consume.Message{message("a", 1), message("b", 2), message("c", 3)})
		synctest.Wait()
		require.Zero(t, s.feed.Room())
		require.Equal(t, 3, s.feed.Unacknowledged())
		s.taken()
		require.Equal(t, 3, s.feed.Room())
		r.stop(t)
	})
}

// When an ordered feed is drained, the messages before the newest one that began are handled, and no others.
func TestDrainHandlesWhatIsOlderThanTheNewestStarted(t *testing.T) {
	t.Parallel()
	messages := []consume.Message{message("a", 1), message("b", 2), message("a", 3), message("b", 4)}
	for name, test := range map[string]struct {
		blocked  []int64
		want     int64
		returned int64
	}{
		"the newest is the second":     {[]int64{1, 2}, 2, 2},
		"the newest is the last":       {[]int64{1}, 4, 0},
		"all were handled before that": {nil, 4, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, g, j := newScript(true), newGate(test.blocked...), newJournal()
				r := start(t, s, consume.Config{Concurrency: 2}, func(ctx context.Context, e signalcast.Event[changed]) error {
					j.add(e)
					return g.receive(ctx, e)
				})
				s.feed.Add(messages)
				synctest.Wait()
				drained := make(chan error, 1)
				go func() { drained <- s.feed.Drain(t.Context()) }()
				synctest.Wait()
				for _, n := range test.blocked {
					close(g.open[n])
				}
				require.NoError(t, <-drained)
				require.Equal(t, []int64{test.want}, s.taken())
				require.Len(t, j.list(), int(test.want), "each up to the newest one, once")
				s.feed.Add([]consume.Message{message("a", 5)})
				require.Equal(t, test.returned+1, r.counts().Returned)
				r.stop(t)
			})
		})
	}
}

// After the time of Extend, no message begins until the next Extend.
func TestNoMessageBeginsAfterTheLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newScript(false)
		r := start(t, s, consume.Config{}, newGate().receive)
		s.feed.Extend(time.Now().Add(time.Second))
		s.feed.Add([]consume.Message{message("a", 1)})
		synctest.Wait()
		require.EqualValues(t, 1, r.counts().Handled)
		time.Sleep(2 * time.Second)
		s.feed.Add([]consume.Message{message("a", 2), message("b", 3)})
		synctest.Wait()
		require.EqualValues(t, 1, r.counts().Handled)
		s.feed.Extend(time.Now().Add(time.Second))
		synctest.Wait()
		require.EqualValues(t, 3, r.counts().Handled)
		r.stop(t)
	})
}

// What a receiver does after its feed was closed has no effect on the counts.
func TestClosedFeedReturnsItsMessages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newScript(false), newGate(1)
		r := start(t, s, consume.Config{}, g.receive)
		s.feed.Add([]consume.Message{message("a", 1), message("a", 2)})
		synctest.Wait()
		s.feed.Close()
		synctest.Wait()
		require.EqualValues(t, 2, r.counts().Returned)
		require.Empty(t, r.Status().Feeds)
		r.stop(t)
	})
}

func TestStatusTellsLagAndOldest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, g := newScript(false), newGate(1)
		r := start(t, s, consume.Config{}, g.receive)
		require.EqualValues(t, -1, r.Status().Feeds[0].Lag)
		m := message("a", 1)
		m.Time = time.Now().Add(-time.Hour)
		s.feed.Add([]consume.Message{m})
		s.feed.SetBacklog(41)
		synctest.Wait()
		feed := r.Status().Feeds[0]
		require.EqualValues(t, 42, feed.Lag)
		require.Equal(t, m.Time, feed.Oldest)
		s.intake.Failed(topic, errReceiver)
		require.Equal(t, topic, r.Status().Troubles[0].Topic)
		s.intake.Works(topic)
		require.Empty(t, r.Status().Troubles)
		close(g.open[1])
		r.stop(t)
	})
}
