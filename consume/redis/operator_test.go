package redis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

// The server of the test does not count entries, like Redis 6.2.
func TestLagNamesTheNewestEntry(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t)
	lag := func(group string) consume.Lag {
		list, err := b.source(t, redis.Config{Group: group}).Lag(t.Context())
		require.NoError(t, err)
		require.Len(t, list, 1)
		return list[0]
	}
	require.Equal(t, consume.Lag{Topic: stream, Behind: -1}, lag(""), "no stream")
	require.Equal(t, consume.Lag{Topic: stream, Behind: -1}, lag("group"), "no stream")

	b.send(t, 1, 1, 3)
	entries, err := b.XRange(t.Context(), stream, "-", "+").Result()
	require.NoError(t, err)
	newest := &consume.Position{ID: entries[2].ID}
	require.Equal(t, consume.Lag{Topic: stream, Behind: -1, Newest: newest}, lag(""))
	require.Equal(t, consume.Lag{Topic: stream, Behind: -1, Newest: newest}, lag("group"), "no group")

	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 3)
	m.stop(t)
	require.Equal(t, consume.Lag{Topic: stream, Newest: newest}, lag("group"), "the group has read every entry")
	b.send(t, 1, 4, 4)
	require.EqualValues(t, -1, lag("group").Behind)

	_, err = b.source(t, redis.Config{}).Replay(t.Context(), time.Now(), false)
	require.ErrorContains(t, err, "found no group")
}
