package redis_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// during returns a misbehave function that injects the fault into the n-th to the last
// command of the name, counted from 1.
func during(name string, from, to int64, does fault) func([]string) fault {
	var seen atomic.Int64
	return func(command []string) fault {
		if command[0] != name {
			return fault{}
		}
		if n := seen.Add(1); n < from || n > to {
			return fault{}
		}
		return does
	}
}

func TestTemporaryRejectionsAreRetried(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"OOM command not allowed when used memory > 'maxmemory'.",
		"LOADING Redis is loading the dataset in memory",
		"READONLY You can't write against a read only replica.",
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
		"CLUSTERDOWN Hash slot not served",
		"TRYAGAIN Multiple keys request during rehashing of slot",
		"MOVED 3999 127.0.0.1:6381",
		"ASK 3999 127.0.0.1:6381",
		"BUSY Redis is busy running a script.",
		"MISCONF Errors writing to the AOF file: No space left on device",
		"NOREPLICAS Not enough good replicas to write.",
		"ERR max number of clients reached",
		"SOMETHINGNEW is an unknown code",
	} {
		code, _, _ := strings.Cut(reply, " ")
		t.Run("one message meets "+code, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{misbehave: during("XADD", 1, 2, fault{reply: "-" + reply + "\r\n"})})
			b := newBackend(t, redis.Config{URL: server.url()})
			f := newFates()
			f.publish(t, b, "s", 1, 1)
			flush(t, b)
			f.requireDelivered(t, 1)
			require.Equal(t, []string{"1"}, server.values("s"))
			require.Zero(t, b.PossibleDuplicates())
		})
		t.Run("one of many messages meets "+code, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{misbehave: during("XADD", 50, 51, fault{reply: "-" + reply + "\r\n"})})
			b := newBackend(t, redis.Config{URL: server.url()})
			f := newFates()
			f.publish(t, b, "s", 1, 500)
			flush(t, b)
			f.requireDelivered(t, 500)
			require.Zero(t, requireOrdered(t, server.values("s"), 500), "entries written twice")
			require.Zero(t, b.PossibleDuplicates())
		})
	}
}

func TestPermanentRejectionsFailAtOnce(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"WRONGTYPE Operation against a key holding the wrong kind of value",
		"NOPERM User default has no permissions to run the 'xadd' command",
		"NOAUTH Authentication required.",
		"ERR unknown command 'XADD'",
		"ERR The stream has exhausted the last possible ID",
	} {
		for name, count := range map[string]int{"one message": 1, "many messages": 500} {
			t.Run(name+" and "+reply, func(t *testing.T) {
				t.Parallel()
				server := startFake(t, &fake{misbehave: during("XADD", 1, 1e9, fault{reply: "-" + reply + "\r\n"})})
				b := newBackend(t, redis.Config{URL: server.url()})
				f := newFates()
				f.publish(t, b, "s", 1, count)
				flush(t, b)
				require.Len(t, f.failed, count)
				failure := f.failure(t)
				require.Equal(t, signalcast.FateNotWritten, failure.Fate)
				require.ErrorContains(t, failure, reply)
				require.Empty(t, server.values("s"))
			})
		}
	}
}

func TestRejectedCredentialsFailAtOnce(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireAuth("right")
	b := newBackend(t, redis.Config{URL: "redis://:wrong@" + server.Addr()})
	f := newFates()
	f.publish(t, b, "s", 1, 10)
	flush(t, b)
	failure := f.failure(t)
	require.Equal(t, signalcast.FateNotWritten, failure.Fate)
	require.ErrorContains(t, failure, "WRONGPASS")
	require.NotContains(t, failure.Error(), "wrong@")
}

func TestFailingStreamDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "XADD" && command[1] == "bad" {
			return fault{reply: "-OOM command not allowed\r\n"}
		}
		return fault{}
	}})
	b := newBackend(t, redis.Config{URL: server.url(), DeliveryTimeout: time.Minute})
	bad, good := newFates(), newFates()
	bad.publish(t, b, "bad", 1, 100)
	good.publish(t, b, "good", 1, 100)
	require.Eventually(t, func() bool { return b.Unacknowledged() == 100 }, patience, time.Millisecond)
	good.requireDelivered(t, 100)
	require.Empty(t, bad.delivered)
}

func TestLostRepliesAreRetriedAndCounted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fake      *fake
		count     int
		written   int // times that the lost batch was written
		duplicate uint64
	}{
		"a reply lost after one message was written leaves a counted duplicate": {
			fake: &fake{misbehave: during("XADD", 1, 1, fault{cutAfter: true})}, count: 1, written: 2, duplicate: 1,
		},
		"a reply lost before one message was written is counted too": {
			fake: &fake{misbehave: during("XADD", 1, 1, fault{cutBefore: true})}, count: 1, written: 1, duplicate: 1,
		},
		"a reply lost after a batch was written leaves duplicates in order": {
			fake: &fake{misbehave: during("EXEC", 1, 1, fault{cutAfter: true})}, count: 1000,
		},
		"a connection that breaks within a transaction writes nothing": {
			fake: &fake{misbehave: during("XADD", 100, 100, fault{cutBefore: true})}, count: 1000,
		},
		"a malformed reply counts as no reply": {
			fake: &fake{misbehave: during("XADD", 1, 1, fault{reply: "HTTP/1.1 400 Bad Request\r\n\r\n"})}, count: 1, written: 1, duplicate: 1,
		},
		"a malformed reply to a batch counts as no reply": {
			fake: &fake{misbehave: during("EXEC", 1, 1, fault{reply: "*1\r\n:7\r\n"})}, count: 1000,
		},
		"a server that hangs is disconnected": {
			fake: &fake{misbehave: during("EXEC", 1, 1, fault{hang: true})}, count: 1000,
		},
		"an idempotent server writes one message once": {
			fake: &fake{idempotent: true, misbehave: during("XADD", 1, 1, fault{cutAfter: true})}, count: 1, written: 1,
		},
		"an idempotent server writes a batch once": {
			fake: &fake{idempotent: true, misbehave: during("EXEC", 1, 3, fault{cutAfter: true})}, count: 1000,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, test.fake)
			b := newBackend(t, redis.Config{URL: server.url(), ReadTimeout: 300 * time.Millisecond})
			f := newFates()
			f.publish(t, b, "s", 1, test.count)
			flush(t, b)
			f.requireDelivered(t, test.count)
			repeated := requireOrdered(t, server.values("s"), test.count)
			require.LessOrEqual(t, uint64(repeated), b.PossibleDuplicates())
			if test.count == 1 {
				require.Equal(t, test.written, 1+repeated)
				require.Equal(t, test.duplicate, b.PossibleDuplicates())
			}
			if server.idempotent {
				require.Zero(t, repeated)
				require.Zero(t, b.PossibleDuplicates())
			}
		})
	}
}

func TestUserWithoutMultiWritesWithoutTransactions(t *testing.T) {
	t.Parallel()
	denied := fault{reply: "-NOPERM User app has no permissions to run the 'multi' command\r\n"}
	server := startFake(t, &fake{misbehave: during("MULTI", 1, 1e9, denied)})
	b := newBackend(t, redis.Config{URL: server.url()})
	f := newFates()
	f.publish(t, b, "s", 1, 1000)
	flush(t, b)
	f.requireDelivered(t, 1000)
	require.Zero(t, requireOrdered(t, server.values("s"), 1000))
}

func TestRejectionsWithoutTransactionsAreRetried(t *testing.T) {
	t.Parallel()
	denied := fault{reply: "-NOPERM User app has no permissions to run the 'multi' command\r\n"}
	rejected := during("XADD", 50, 150, fault{reply: "-OOM command not allowed\r\n"})
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "MULTI" {
			return denied
		}
		return rejected(command)
	}})
	b := newBackend(t, redis.Config{URL: server.url()})
	f := newFates()
	f.publish(t, b, "s", 1, 1000)
	flush(t, b)
	f.requireDelivered(t, 1000)
	require.Len(t, server.values("s"), 1000, "each once")
	require.Zero(t, b.PossibleDuplicates())
}

func TestServerMayBeDownAtTheStart(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	b := newBackend(t, redis.Config{URL: "redis://" + server.Addr()})
	server.Close()
	require.NoError(t, b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}}))
	f := newFates()
	f.publish(t, b, "s", 1, 100)
	require.NoError(t, server.Restart())
	flush(t, b)
	f.requireDelivered(t, 100)
	require.Zero(t, b.PossibleDuplicates(), "nothing was sent before the connection was established")
}

func TestDeliveryTimeoutFailsMessagesWithTheirFate(t *testing.T) {
	t.Parallel()
	t.Run("a message that was never sent was not written", func(t *testing.T) {
		t.Parallel()
		listener := listen(t)
		require.NoError(t, listener.Close())
		b := newBackend(t, redis.Config{
			URL: "redis://" + listener.Addr().String(), DeliveryTimeout: time.Second,
		})
		f := newFates()
		f.publish(t, b, "s", 1, 10)
		flush(t, b)
		failure := f.failure(t)
		require.Equal(t, signalcast.FateNotWritten, failure.Fate)
		require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
		var cause *net.OpError
		require.ErrorAs(t, failure, &cause, "the error has the last cause")
	})
	t.Run("a message whose answer was lost may have been written", func(t *testing.T) {
		t.Parallel()
		server := startFake(t, &fake{misbehave: during("XADD", 1, 1e9, fault{cutAfter: true})})
		b := newBackend(t, redis.Config{URL: server.url(), DeliveryTimeout: time.Second})
		f := newFates()
		f.publish(t, b, "s", 1, 1)
		flush(t, b)
		failure := f.failure(t)
		require.Equal(t, signalcast.FateUnknown, failure.Fate)
		require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
		require.NotEmpty(t, server.values("s"))
	})
	t.Run("a message that the server rejected to the end was not written", func(t *testing.T) {
		t.Parallel()
		server := startFake(t, &fake{misbehave: during("XADD", 1, 1e9, fault{reply: "-OOM command not allowed\r\n"})})
		b := newBackend(t, redis.Config{URL: server.url(), DeliveryTimeout: time.Second})
		f := newFates()
		f.publish(t, b, "s", 1, 10)
		flush(t, b)
		failure := f.failure(t)
		require.Equal(t, signalcast.FateNotWritten, failure.Fate)
		require.ErrorContains(t, failure, "OOM")
		require.Empty(t, server.values("s"))
	})
}

func TestStreamsThatWaitForAConnectionFailInTime(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{misbehave: during("XADD", 1, 1e9, fault{hang: true})})
	b := newBackend(t, redis.Config{
		URL: server.url(), Pipelines: 1, DeliveryTimeout: time.Second, ReadTimeout: time.Hour,
	})
	stuck, waiting := newFates(), newFates()
	stuck.publish(t, b, "stuck", 1, 1)
	require.Eventually(t, func() bool { return server.asked("XADD") == 1 }, patience, time.Millisecond)
	waiting.publish(t, b, "waiting", 1, 1)
	require.Eventually(t, func() bool { return b.Unacknowledged() == 1 }, patience, time.Millisecond)
	failure := waiting.failure(t)
	require.Equal(t, signalcast.FateNotWritten, failure.Fate)
	require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
	require.ErrorContains(t, failure, "all connections are in use")
}

func TestPrepareChecksTheTypesOfKeys(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	require.NoError(t, server.Set("text", "x"))
	_, err := server.XAdd("stream", "*", []string{"a", "b"})
	require.NoError(t, err)
	b := newBackend(t, redis.Config{URL: "redis://" + server.Addr()})
	routes := []signalcast.Route{{EventType: "a", Topic: "stream"}, {EventType: "b", Topic: "new"}}
	require.NoError(t, b.Prepare(t.Context(), routes))
	err = b.Prepare(t.Context(), append(routes, signalcast.Route{EventType: "c", Topic: "text"}, signalcast.Route{EventType: "d"}))
	require.ErrorContains(t, err, `topic "text": found a string; want a stream`)
	require.ErrorContains(t, err, `event type "d": found an empty topic`)

	hanging := startFake(t, &fake{misbehave: during("COMMAND", 1, 1e9, fault{hang: true})})
	blocked := newBackend(t, redis.Config{URL: hanging.url(), ReadTimeout: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.NoError(t, blocked.Prepare(ctx, routes), "an unreachable server does not fail Prepare")

	server.RequireAuth("right")
	rejected := newBackend(t, redis.Config{URL: "redis://:wrong@" + server.Addr()})
	require.ErrorContains(t, rejected.Prepare(t.Context(), routes), "WRONGPASS")
}

func TestRejectedLoginsFailAtOnce(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"NOPERM User app has no permissions to run the command",
		"ERR unknown command, with args beginning with: ",
	} {
		for name, c := range map[string]struct {
			command string
			config  func(server *fake) redis.Config
		}{
			"of another database": {"select", func(server *fake) redis.Config {
				return redis.Config{URL: server.url(), DB: 3}
			}},
			"of a Sentinel": {"sentinel", func(server *fake) redis.Config {
				return redis.Config{Addrs: []string{server.listener.Addr().String()}, MasterName: "the-master"}
			}},
		} {
			t.Run(name+" with "+reply, func(t *testing.T) {
				t.Parallel()
				server := startFake(t, &fake{misbehave: during(c.command, 1, 1e9, fault{reply: "-" + reply + "\r\n"})})
				b := newBackend(t, c.config(server))
				f := newFates()
				f.publish(t, b, "s", 1, 10)
				flush(t, b)
				failure := f.failure(t)
				require.Equal(t, signalcast.FateNotWritten, failure.Fate)
				require.ErrorContains(t, failure, reply)
				rejected := b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}})
				require.ErrorContains(t, rejected, reply)
			})
		}
	}
}

func TestOneSentinelMayReject(t *testing.T) {
	t.Parallel()
	rejects := startFake(t, &fake{misbehave: during("sentinel", 1, 1e9, fault{reply: "-NOPERM no\r\n"})})
	var master *fake
	var asked atomic.Int64
	master = startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] != "sentinel" {
			return fault{}
		}
		if asked.Add(1) == 1 {
			return fault{cutBefore: true}
		}
		_, port, _ := net.SplitHostPort(master.listener.Addr().String())
		return fault{reply: fmt.Sprintf("*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n", len(port), port)}
	}})
	b := newBackend(t, redis.Config{
		Addrs: []string{rejects.listener.Addr().String(), master.listener.Addr().String()}, MasterName: "the-master",
	})
	f := newFates()
	f.publish(t, b, "s", 1, 10)
	flush(t, b)
	f.requireDelivered(t, 10)
}
