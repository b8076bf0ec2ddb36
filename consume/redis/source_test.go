package redis_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

func TestEventsComeOnceAndInOrder(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	b.send(t, 8, 1, 50)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 8, 50)
	b.send(t, 8, 51, 60)
	a.require(t, 8, 60)
	m.stop(t)

	counts := m.Stats().Topics[stream]
	require.EqualValues(t, 480, counts.Handled)
	require.Equal(t, counts.Received, counts.Handled+counts.Returned)
	pending, err := b.XPending(t.Context(), stream, "group").Result()
	require.NoError(t, err)
	require.Zero(t, pending.Count)
}

// Only one member reads. Another takes over when it stops.
func TestMembersTakeTurns(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	const keys = 8
	a := newAccount()
	members := []*member{b.start(t, a.receive, consume.Config{}), b.start(t, a.receive, consume.Config{})}
	n := int64(0)
	for i := range 4 {
		b.send(t, keys, n+1, n+20)
		members[i%2].stop(t)
		members[i%2] = b.start(t, a.receive, consume.Config{})
		n += 20
	}
	a.require(t, keys, n)
	for _, m := range members {
		m.stop(t)
	}
}

// The next member first handles the entries that were not acknowledged, in order.
func TestUnhandledEntryIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	b.send(t, 8, 1, 10)
	others := newAccount()
	first := b.start(t, func(ctx context.Context, e signalcast.Event[changed]) error {
		if e.Data.Key == 3 && e.Data.N >= 2 {
			return errors.New("no")
		}
		return others.receive(ctx, e)
	}, consume.Config{Retry: consume.Retry{Attempts: 1000}, Grace: time.Millisecond})
	require.Eventually(t, func() bool {
		others.mu.Lock()
		defer others.mu.Unlock()
		return others.handled == 8*10-9
	}, patience, 5*time.Millisecond)
	first.stop(t)
	require.EqualValues(t, 9, first.Stats().Topics[stream].Returned)

	a := newAccount()
	a.last[3] = 1
	var warnings strings.Builder
	handler := slog.NewTextHandler(&warnings, &slog.HandlerOptions{Level: slog.LevelWarn})
	second := b.start(t, a.receive, consume.Config{Logger: slog.New(handler)})
	b.send(t, 4, 11, 12)
	require.Eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.last[3] == 12
	}, patience, 5*time.Millisecond)
	second.stop(t)
	require.Equal(t, 17, a.handled, "9 that were not handled, and 8 new ones")
	require.Zero(t, a.again)
	require.Empty(t, warnings.String(), "one reply has all pending entries, so the server is not asked again")
}

// A member that does not renew its lease begins no further message, and another takes over.
func TestSilentMemberLosesTheLease(t *testing.T) {
	t.Parallel()
	b, server := newBus(t)
	first := newAccount()
	one := b.start(t, first.receive, consume.Config{})
	b.send(t, 1, 1, 1)
	first.require(t, 1, 1)
	require.NoError(t, b.Set(t.Context(), "signalcast-lease:{"+stream+"}:group", "another", 0).Err())
	require.Eventually(t, func() bool { return len(one.Status().Feeds) == 0 }, patience, 5*time.Millisecond)
	b.send(t, 1, 2, 2)
	require.NoError(t, b.Del(t.Context(), "signalcast-lease:{"+stream+"}:group").Err())
	first.require(t, 1, 2)
	one.stop(t)
	require.False(t, server.Exists("signalcast-lease:{"+stream+"}:group"), "the lease is released")
}

func TestDeadLetterHasTheEntryAndTheReason(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	b.send(t, 1, 1, 3)
	m := b.start(t, func(_ context.Context, e signalcast.Event[changed]) error {
		if e.Data.N == 2 {
			return consume.ErrPermanent
		}
		return nil
	}, consume.Config{})
	require.Eventually(t, func() bool { return m.Stats().Topics[stream].DeadLettered == 1 }, patience, 5*time.Millisecond)
	m.stop(t)

	entries, err := b.XRange(t.Context(), stream, "-", "+").Result()
	require.NoError(t, err)
	letters, err := b.XRange(t.Context(), stream+"-group-dead", "-", "+").Result()
	require.NoError(t, err)
	require.Len(t, letters, 1)
	for name, value := range entries[1].Values {
		require.Equal(t, value, letters[0].Values[name], name)
	}
	require.Contains(t, letters[0].Values[consume.FieldReason], "permanent failure")
	require.Equal(t, "group", letters[0].Values[consume.FieldGroup])
	require.Equal(t, stream+"/"+entries[1].ID, letters[0].Values[consume.FieldPosition])
}

func TestUnreadableEntriesBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	for _, values := range [][]string{
		{"type", "org.example.counter.changed.v1"},
		{"event_data", "\x02\x02"},
		{"type", "org.example.counter.changed.v1", "type", "x", "event_data", "\x02\x02"},
		{"type", "org.example.counter.changed.v1", "event_data", "\x02\x02\x02"},
		{"type", "org.example.counter.changed.v1", "event_data", "\x02"},
		{"type", "org.example.counter.changed.v1", "event_data", ""},
		{"type", "org.example.counter.changed.v1", "event_data", "\x02\x02", "id", "secret"},
	} {
		require.NoError(t, b.XAdd(t.Context(), &goredis.XAddArgs{Stream: stream, Values: values}).Err())
	}
	b.send(t, 1, 1, 1)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 1)
	require.Eventually(t, func() bool { return m.Stats().Topics[stream].DeadLettered == 7 }, patience, 5*time.Millisecond)
	m.stop(t)
	letters, err := b.XRange(t.Context(), stream+"-group-dead", "-", "+").Result()
	require.NoError(t, err)
	for _, letter := range letters {
		require.NotContains(t, letter.Values[consume.FieldReason], "secret")
	}
}

// The dead letter of an entry that is too large names its place. The reader goes on behind it.
func TestEntryThatIsTooLargeBecomesADeadLetter(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	require.NoError(t, b.XAdd(t.Context(), &goredis.XAddArgs{
		Stream: stream, Values: []string{"type", counterChanged.EventType(), "event_data", strings.Repeat("x", 64<<20)},
	}).Err())
	b.send(t, 1, 1, 1)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 1)
	require.Eventually(t, func() bool { return m.Stats().Topics[stream].DeadLettered == 1 }, patience, 5*time.Millisecond)
	m.stop(t)
	letters, err := b.XRange(t.Context(), stream+"-group-dead", "-", "+").Result()
	require.NoError(t, err)
	require.Contains(t, letters[0].Values[consume.FieldReason], "found an entry of more than 64 MiB; want a smaller one")
	require.NotContains(t, letters[0].Values, "event_data")
}

func TestReadingContinuesAfterAnOutage(t *testing.T) {
	t.Parallel()
	b, server := newBus(t)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	b.send(t, 4, 1, 5)
	a.require(t, 4, 5)
	server.SetError("LOADING the server is not ready")
	require.Eventually(t, func() bool { return len(m.Status().Troubles) > 0 }, patience, 5*time.Millisecond)
	server.SetError("")
	b.send(t, 4, 6, 10)
	a.require(t, 4, 10)
	require.Eventually(t, func() bool { return len(m.Status().Troubles) == 0 }, patience, 5*time.Millisecond)
	m.stop(t)
}

func TestDeletedStreamIsReadFromItsNewBegin(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	b.send(t, 2, 1, 2)
	a.require(t, 2, 2)
	require.NoError(t, b.Del(t.Context(), stream).Err())
	b.send(t, 2, 3, 4)
	a.require(t, 2, 4)
	m.stop(t)
}

func TestStopReturnsWithoutServer(t *testing.T) {
	t.Parallel()
	b, server := newBus(t)
	server.SetError("LOADING the server is not ready")
	m := b.start(t, newAccount().receive, consume.Config{})
	require.Eventually(t, func() bool { return len(m.Status().Troubles) > 0 }, patience, 5*time.Millisecond)
	m.stop(t)
	server.SetError("")
}

// Without a group, the source reads everything after its start and acknowledges nothing.
func TestSourceWithoutGroupReadsAlone(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	b.send(t, 2, 1, 3)
	a := newAccount()
	m := run(t, b.source(t, redis.Config{Start: consume.Earliest()}), a.receive, consume.Config{})
	a.require(t, 2, 3)
	b.send(t, 2, 4, 5)
	a.require(t, 2, 5)
	m.stop(t)
	groups, err := b.XInfoGroups(t.Context(), stream).Result()
	require.NoError(t, err)
	require.Empty(t, groups)
}

func TestConfigErrorsNameTheField(t *testing.T) {
	t.Parallel()
	_, err := redis.New(redis.Config{Lease: 1, ReadEntries: -1, Server: redisbus.Config{URL: "redis://u:hidden-secret@h:99999"}})
	for _, field := range []string{"Topics", "Lease", "ReadEntries", "URL"} {
		require.ErrorContains(t, err, "Config."+field)
	}
	require.NotContains(t, err.Error(), "hidden-secret")
}
