package redis_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// replying returns a fault that makes a fake reply to a command, with each reply once and then
// with the last.
func replying(name string, replies ...string) func([]string) fault {
	var n atomic.Int64
	return func(command []string) fault {
		if command[0] != name {
			return fault{}
		}
		i := min(int(n.Add(1))-1, len(replies)-1)
		return fault{reply: replies[i] + "\r\n"}
	}
}

func TestMessageIsDeliveredWhenEnoughReplicasHaveIt(t *testing.T) {
	t.Parallel()
	for name, count := range map[string]int{"one message": 1, "many messages": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{misbehave: replying("WAIT", ":0", ":1", ":2")})
			b := newBackend(t, redis.Config{URL: server.url(), Replicas: 2})
			f := newFates()
			f.publish(t, b, "s", 1, count)
			flush(t, b)
			f.requireDelivered(t, count)
			require.GreaterOrEqual(t, server.asked("WAIT"), 3, "the first two found too few replicas")
			require.Zero(t, requireOrdered(t, server.values("s"), count), "entries written twice")
			require.Eventually(t, func() bool { return len(b.Troubles()) == 0 }, patience, time.Millisecond)
		})
	}
}

func TestMessageOnTooFewReplicasFailsWithUnknownFate(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{misbehave: replying("WAIT", ":1")})
	b := newBackend(t, redis.Config{URL: server.url(), Replicas: 2, DeliveryTimeout: time.Second})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	failure := f.failure(t)
	require.Equal(t, signalcast.FateUnknown, failure.Fate)
	require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
	require.ErrorContains(t, failure, "found the entry on 1 replicas; want 2")
	require.Len(t, server.values("s"), 1, "it is not written again")
}

func TestCloseGivesUpMessagesThatWaitForReplicas(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{misbehave: replying("WAIT", ":0")})
	b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	require.Eventually(t, func() bool { return len(b.Troubles()) > 0 }, patience, time.Millisecond)
	require.ErrorContains(t, b.Troubles()[0].Err, "found the entry on 0 replicas; want 1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ctx), context.Canceled)
	failure := f.failure(t)
	require.Equal(t, signalcast.FateUnknown, failure.Fate)
	require.ErrorIs(t, failure, signalcast.ErrClosed)
}

func TestRejectedMessageDoesNotWaitForReplicas(t *testing.T) {
	t.Parallel()
	wait, first := replying("WAIT", ":0", ":1"), replying("XADD", "-NOREPLICAS Not enough good replicas to write.")
	var rejected atomic.Bool
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "XADD" && rejected.CompareAndSwap(false, true) {
			return first(command)
		}
		return wait(command)
	}})
	b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	f.requireDelivered(t, 1)
	require.Equal(t, 2, server.asked("WAIT"), "one for each attempt")
}

func TestUserThatMustNotWaitGetsAnError(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{misbehave: replying("WAIT", "-NOPERM User default has no permissions to run the 'wait' command")})
	b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	failure := f.failure(t)
	require.Equal(t, signalcast.FateUnknown, failure.Fate, "the master has it")
	require.ErrorContains(t, failure, "NOPERM")
}

func TestSyncedWaitsForTheDisks(t *testing.T) {
	t.Parallel()
	const known = "*3\r\n*-1\r\n*1\r\n$7\r\nwaitaof\r\n*-1"
	wait, info := replying("WAITAOF", "*2\r\n:0\r\n:1", "*2\r\n:1\r\n:0", "*2\r\n:1\r\n:1"), replying("COMMAND", known)
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "COMMAND" {
			return info(command)
		}
		return wait(command)
	}})
	b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1, Synced: true})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	f.requireDelivered(t, 1)
	require.Equal(t, 3, server.asked("WAITAOF"))
}

func TestSyncedNeedsAServerWithWaitAOF(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{misbehave: replying("COMMAND", "*3\r\n*-1\r\n*-1\r\n*-1")})
	b := newBackend(t, redis.Config{URL: server.url(), Synced: true})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	failure := f.failure(t)
	require.Equal(t, signalcast.FateNotWritten, failure.Fate)
	require.ErrorContains(t, failure, "found a server without WAITAOF; want Redis 7.2 or newer, or Config.Synced false")
	require.Empty(t, server.values("s"))
}

func TestConfigRejectsANegativeNumberOfReplicas(t *testing.T) {
	t.Parallel()
	_, err := redis.New(redis.Config{URL: "redis://host", Replicas: -1})
	require.ErrorContains(t, err, "redis: Config.Replicas: found -1; want 0 for the default, or more")
	require.NotContains(t, err.Error(), "Synced")
}
