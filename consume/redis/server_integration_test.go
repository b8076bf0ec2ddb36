//go:build integration

package redis_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/consumetest"
	"github.com/signalcast/signalcast/consume/redis"
)

// newServerBus returns a real server, whose streams of earlier tests are deleted. The tests of this file share it, so they do not run
// in parallel.
func newServerBus(t *testing.T) *bus {
	t.Helper()
	url := os.Getenv("SIGNALCAST_TEST_REDIS_URL")
	require.NotEmpty(t, url, "SIGNALCAST_TEST_REDIS_URL is not set; see test/README.md")
	b := connect(t, url)
	require.NoError(t, b.Del(t.Context(), stream, stream+"-group-dead", "signalcast-lease:{"+stream+"}:group").Err())
	return b
}

//nolint:paralleltest // see newServerBus
func TestServerConformance(t *testing.T) { consumetest.Run(t, newServerBus(t).target()) }

//nolint:paralleltest // see newServerBus
func TestMemberTakesOverFromOneThatIsCutOff(t *testing.T) {
	b := newServerBus(t)
	const keys = 8
	a := newAccount()
	source := b.source(t, redis.Config{Group: "group", Lease: 400 * time.Millisecond})
	first := run(t, source, a.receive, consume.Config{})
	b.send(t, keys, 1, 10)
	a.require(t, keys, 10)
	second := b.start(t, a.receive, consume.Config{})
	require.NoError(t, source.Close()) // neither renews nor releases the lease
	b.send(t, keys, 11, 20)
	require.Eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.last[0] == 20
	}, patience, 5*time.Millisecond)
	require.Zero(t, a.gaps)
	require.Len(t, second.Status().Feeds, 1)
	first.stop(t)
	second.stop(t)
}

//nolint:paralleltest // see newServerBus
func TestTrimmedEntriesAreCounted(t *testing.T) {
	b := newServerBus(t)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	b.send(t, 1, 1, 5)
	a.require(t, 1, 5)
	m.stop(t)
	b.send(t, 1, 6, 20)
	require.NoError(t, b.XTrimMaxLen(t.Context(), stream, 5).Err())
	a.last[0] = 15
	m = b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 20)
	require.Eventually(t, func() bool { return m.Stats().Topics[stream].Lost == 10 }, patience, 5*time.Millisecond)
	m.stop(t)
}

// A server that has restarted with an append-only file has no number of the entries that the group has read, or an old one.
//
//nolint:paralleltest // see newServerBus
func TestTrimmedEntriesAreNotLostIfTheServerForgetsHowManyWereRead(t *testing.T) {
	for name, number := range map[string][]any{"no number": nil, "an old number": {"ENTRIESREAD", 3}} {
		t.Run(name, func(t *testing.T) {
			b := newServerBus(t)
			a := newAccount()
			m := b.start(t, a.receive, consume.Config{})
			b.send(t, 1, 1, 20)
			a.require(t, 1, 20)
			m.stop(t)
			require.NoError(t, b.XTrimMaxLen(t.Context(), stream, 5).Err())
			groups, err := b.XInfoGroups(t.Context(), stream).Result()
			require.NoError(t, err)
			require.NoError(t, b.Do(t.Context(), append([]any{"XGROUP", "SETID", stream, "group", groups[0].LastDeliveredID}, number...)...).Err())
			m = b.start(t, a.receive, consume.Config{})
			b.send(t, 1, 21, 22)
			a.require(t, 1, 22)
			m.stop(t)
			require.Zero(t, m.Stats().Topics[stream].Lost)
		})
	}
}

// A server that has restarted may calculate the lag from an old number of the entries that the group has read.
//
//nolint:paralleltest // see newServerBus
func TestLagIsUnknownIfItIsLargerThanTheStream(t *testing.T) {
	b := newServerBus(t)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	b.send(t, 1, 1, 20)
	a.require(t, 1, 20)
	m.stop(t)
	require.NoError(t, b.XTrimMaxLen(t.Context(), stream, 5).Err())
	operator := b.source(t, redis.Config{Group: "group"})
	behind := func() int64 {
		groups, err := b.XInfoGroups(t.Context(), stream).Result()
		require.NoError(t, err)
		require.NoError(t, b.Do(t.Context(), "XGROUP", "SETID", stream, "group", groups[0].LastDeliveredID, "ENTRIESREAD", 3).Err())
		lag, err := operator.Lag(t.Context())
		require.NoError(t, err)
		return lag[0].Behind
	}
	require.Zero(t, behind(), "the group has read the newest entry")
	b.send(t, 1, 21, 22)
	require.EqualValues(t, -1, behind(), "the server says 19, and the stream has 7 entries")
	require.NoError(t, b.XTrimMaxLen(t.Context(), stream, 1).Err())
	require.EqualValues(t, 1, behind(), "the group has read no entry of the stream")
}

// An entry that was delivered and then trimmed is acknowledged, and counted.
//
//nolint:paralleltest // see newServerBus
func TestTrimmedPendingEntriesAreCounted(t *testing.T) {
	b := newServerBus(t)
	b.send(t, 1, 1, 4)
	require.NoError(t, b.XGroupCreate(t.Context(), stream, "group", "0").Err())
	require.NoError(t, b.XReadGroup(t.Context(), &goredis.XReadGroupArgs{
		Group: "group", Consumer: "gone", Streams: []string{stream, ">"}, Count: 3,
	}).Err())
	require.NoError(t, b.XTrimMaxLen(t.Context(), stream, 2).Err())
	a := newAccount()
	a.last[0] = 2
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 4)
	require.Eventually(t, func() bool { return m.Stats().Topics[stream].Lost == 2 }, patience, 5*time.Millisecond)
	m.stop(t)
	pending, err := b.XPending(t.Context(), stream, "group").Result()
	require.NoError(t, err)
	require.Zero(t, pending.Count)
}

// beforeClaim is a connection that calls f before it sends the first XCLAIM.
type beforeClaim struct {
	net.Conn

	f func()
}

func (c *beforeClaim) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("XCLAIM")) {
		c.f()
	}
	return c.Conn.Write(b)
}

// The member that had the lease before may acknowledge an entry just when the next one claims it. Such an entry is not lost.
//
//nolint:paralleltest // see newServerBus
func TestEntryThatIsAcknowledgedWhenItIsClaimedIsNotLost(t *testing.T) {
	b := newServerBus(t)
	b.send(t, 1, 1, 3)
	require.NoError(t, b.XGroupCreate(t.Context(), stream, "group", "0").Err())
	read, err := b.XReadGroup(t.Context(), &goredis.XReadGroupArgs{
		Group: "group", Consumer: "before", Streams: []string{stream, ">"}, Count: 2,
	}).Result()
	require.NoError(t, err)
	acknowledge := sync.OnceFunc(func() { assert.NoError(t, b.XAck(t.Context(), stream, "group", read[0].Messages[0].ID).Err()) })
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		return &beforeClaim{conn, acknowledge}, err
	}
	a := newAccount()
	a.last[0] = 1
	m := run(t, b.source(t, redis.Config{Group: "group", Server: redisbus.Config{Dial: dial}}), a.receive, consume.Config{})
	a.require(t, 1, 3)
	m.stop(t)
	counts := m.Stats().Topics[stream]
	require.EqualValues(t, 2, counts.Received)
	require.Zero(t, counts.Lost)
}

//nolint:paralleltest // see newServerBus
func TestEntryThatIsNeverAcknowledgedBecomesADeadLetter(t *testing.T) {
	b := newServerBus(t)
	b.send(t, 1, 1, 1)
	require.NoError(t, b.XGroupCreate(t.Context(), stream, "group", "0").Err())
	read, err := b.XReadGroup(t.Context(), &goredis.XReadGroupArgs{Group: "group", Consumer: "gone", Streams: []string{stream, ">"}}).Result()
	require.NoError(t, err)
	id := read[0].Messages[0].ID
	for range 20 {
		require.NoError(t, b.XClaim(t.Context(), &goredis.XClaimArgs{Stream: stream, Group: "group", Consumer: "gone", Messages: []string{id}}).Err())
	}
	m := b.start(t, newAccount().receive, consume.Config{})
	require.Eventually(t, func() bool { return m.Stats().Topics[stream].DeadLettered == 1 }, patience, 5*time.Millisecond)
	m.stop(t)
}

//nolint:paralleltest // see newServerBus
func TestLagAndReplay(t *testing.T) {
	b := newServerBus(t)
	b.send(t, 4, 1, 10)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 4, 10)
	operator := b.source(t, redis.Config{Group: "group"})
	_, err := operator.Replay(t.Context(), time.Unix(0, 0), true)
	require.ErrorContains(t, err, "stop the consumers first")
	m.stop(t)
	b.send(t, 4, 11, 12)

	lag, err := operator.Lag(t.Context())
	require.NoError(t, err)
	require.Len(t, lag, 1)
	require.EqualValues(t, 8, lag[0].Behind)
	require.WithinDuration(t, time.Now(), lag[0].Oldest, time.Minute)

	planned, err := operator.Replay(t.Context(), time.Unix(0, 0), false)
	require.NoError(t, err)
	require.EqualValues(t, 40, planned[0].Messages)
	again, err := operator.Lag(t.Context())
	require.NoError(t, err)
	require.Equal(t, lag, again, "a dry run changes nothing")
	moved, err := operator.Replay(t.Context(), time.Unix(0, 0), true)
	require.NoError(t, err)
	require.Equal(t, planned, moved)

	replayed := newAccount()
	m = b.start(t, replayed.receive, consume.Config{})
	replayed.require(t, 4, 12)
	m.stop(t)
}

// A member whose lease was taken over reads nothing, also before it notices.
//
//nolint:paralleltest // see newServerBus
func TestMemberWithoutTheLeaseReadsNothing(t *testing.T) {
	b := newServerBus(t)
	a := newAccount()
	m := run(t, b.source(t, redis.Config{Group: "group", Lease: time.Minute}), a.receive, consume.Config{})
	b.send(t, 1, 1, 1)
	a.require(t, 1, 1)
	lease := "signalcast-lease:{" + stream + "}:group"
	token, err := b.SetArgs(t.Context(), lease, "another member", goredis.SetArgs{Get: true}).Result()
	require.NoError(t, err)
	before, err := b.XInfoGroups(t.Context(), stream).Result()
	require.NoError(t, err)
	checks := b.calls(t, "get")
	b.send(t, 1, 2, 10)
	require.Eventually(t, func() bool { return b.calls(t, "get") > checks }, patience, 5*time.Millisecond)
	after, err := b.XInfoGroups(t.Context(), stream).Result()
	require.NoError(t, err)
	require.Equal(t, before[0].LastDeliveredID, after[0].LastDeliveredID)
	require.NoError(t, b.Set(t.Context(), lease, token, 0).Err())
	a.require(t, 1, 10)
	m.stop(t)
}

// calls returns how often the server has executed a command.
func (b *bus) calls(t *testing.T, command string) (count int) {
	t.Helper()
	info, err := b.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	_, after, found := strings.Cut(info, "cmdstat_"+command+":calls=")
	if found {
		_, err = fmt.Sscanf(after, "%d", &count)
		require.NoError(t, err)
	}
	return count
}

// A program that does not respect the lease may get entries from the server. The member that has the lease handles them.
//
//nolint:paralleltest // see newServerBus
func TestEntriesThatAnotherMemberGotAreHandled(t *testing.T) {
	b := newServerBus(t)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	b.send(t, 1, 1, 1)
	a.require(t, 1, 1)
	_, err := b.TxPipelined(t.Context(), func(p goredis.Pipeliner) error {
		p.XAdd(t.Context(), &goredis.XAddArgs{Stream: stream, Values: []string{
			"type", counterChanged.EventType(), "event_data", "\x00\x04",
		}})
		p.XReadGroup(t.Context(), &goredis.XReadGroupArgs{Group: "group", Consumer: "stopped", Streams: []string{stream, ">"}})
		return nil
	})
	require.NoError(t, err)
	a.require(t, 1, 2)
	m.stop(t)
}
