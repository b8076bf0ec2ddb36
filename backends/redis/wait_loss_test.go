package redis_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

const (
	unblocked = "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)"
	isReplica = "-ERR WAIT cannot be used with replica instances. Writes to replicas are just local."
)

func TestMessageIsRetriedWhenItsMasterBecomesAReplica(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{unblocked, isReplica} {
		t.Run(reply, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{misbehave: replying("WAIT", reply, ":1")})
			b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1})
			f := newFates()
			f.publish(t, b, "s", 1, 1)
			flush(t, b)
			f.requireDelivered(t, 1)
			require.Equal(t, []string{"1", "1"}, server.values("s"))
			require.EqualValues(t, 1, b.PossibleDuplicates())
		})
		t.Run("always "+reply, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{misbehave: replying("WAIT", reply)})
			b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1, DeliveryTimeout: time.Second})
			f := newFates()
			f.publish(t, b, "s", 1, 1)
			flush(t, b)
			failure := f.failure(t)
			require.Equal(t, signalcast.FateUnknown, failure.Fate, "the master has it")
			require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
		})
	}
}

func TestMessagesThatWaitForReplicasTimeOutOneByOne(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	f, published := newFates(), make(chan struct{})
	first := during("COMMAND", 1, 1, fault{cutBefore: true}) // so that both messages are in one batch
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		switch command[0] {
		case "COMMAND":
			<-published
			return first(command)
		case "WAIT":
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.failed["1"] == nil {
				return fault{reply: ":0\r\n"}
			}
			return fault{reply: ":1\r\n"}
		}
		return fault{}
	}})
	b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1, DeliveryTimeout: timeout})
	began := time.Now()
	f.publish(t, b, "s", 1, 1)
	require.Eventually(t, func() bool { return time.Since(began) > timeout/2 }, patience, time.Millisecond)
	f.publish(t, b, "s", 2, 2)
	close(published)
	flush(t, b)
	require.Len(t, f.delivered, 1)
	require.Contains(t, f.delivered, "2")
	require.ErrorIs(t, f.failed["1"], signalcast.ErrDeliveryTimeout)
	var failure *signalcast.DeliveryError
	require.ErrorAs(t, f.failed["1"], &failure)
	require.Equal(t, signalcast.FateUnknown, failure.Fate)
	require.Equal(t, []string{"1", "2"}, server.values("s"), "neither is written again")
	require.Zero(t, b.PossibleDuplicates())
}

// A server that recognises a repeated XADD does not write it, so that a WAIT behind it confirms
// nothing.
func TestWriteThatReplicasConfirmIsNotARecognisedOne(t *testing.T) {
	t.Parallel()
	const count = 100
	var cut atomic.Bool
	published := make(chan struct{})
	server := startFake(t, &fake{idempotent: true, misbehave: func(command []string) fault {
		switch {
		case command[0] == "COMMAND":
			<-published
		case command[0] == "EXEC" && cut.CompareAndSwap(false, true):
			return fault{cutAfter: true}
		case command[0] == "WAIT":
			return fault{reply: ":1\r\n"}
		}
		return fault{}
	}})
	b := newBackend(t, redis.Config{URL: server.url(), Replicas: 1})
	f := newFates()
	f.publish(t, b, "s", 1, 1) // a batch of its own
	require.Eventually(t, func() bool { return server.asked("COMMAND") == 1 }, patience, time.Millisecond)
	f.publish(t, b, "s", 2, count)
	close(published)
	flush(t, b)
	f.requireDelivered(t, count)
	require.Equal(t, 1, requireOrdered(t, server.values("s"), count), "the last message of the batch")
	require.EqualValues(t, 1, b.PossibleDuplicates())
}

func TestPrepareReportsAServerThatCannotWait(t *testing.T) {
	t.Parallel()
	const noWaitAOF, hasWaitAOF = "*3\r\n*-1\r\n*-1\r\n*-1", "*3\r\n*-1\r\n*1\r\n$7\r\nwaitaof\r\n*-1"
	for name, c := range map[string]struct {
		config  redis.Config
		replies map[string]string
		want    string
	}{
		"no right to WAIT": {redis.Config{Replicas: 1}, map[string]string{"WAIT": "-NOPERM no permissions to run 'wait'"}, "WAIT: NOPERM"},
		"old server":       {redis.Config{Synced: true}, map[string]string{"COMMAND": noWaitAOF}, "found a server without WAITAOF"},
		"no append-only file": {
			redis.Config{Synced: true},
			map[string]string{"COMMAND": hasWaitAOF, "WAITAOF": "-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled."},
			"appendonly is disabled",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{misbehave: func(command []string) fault {
				if reply, found := c.replies[command[0]]; found {
					return fault{reply: reply + "\r\n"}
				}
				return fault{}
			}})
			c.config.URL = server.url()
			b := newBackend(t, c.config)
			err := b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}})
			require.ErrorContains(t, err, c.want)
		})
	}
}
