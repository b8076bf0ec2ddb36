package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

const (
	preparedBatch = 100
	preparedCount = 5 * preparedBatch
)

// publishBehind publishes preparedCount messages to a server that injects the fault into the
// second transaction, which is a whole batch. The fault comes after the next batch has begun
// to arrive.
func publishBehind(t *testing.T, does fault) (*redis.Backend, *fake, *fates) {
	t.Helper()
	does.waits = true
	published := make(chan struct{})
	second := during("EXEC", 2, 2, does)
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "COMMAND" {
			<-published
		}
		return second(command)
	}})
	b := newBackend(t, redis.Config{URL: server.url(), BatchMessages: preparedBatch, ReadTimeout: time.Minute})
	f := newFates()
	f.publish(t, b, "s", 1, preparedCount)
	close(published)
	return b, server, f
}

func TestNextBatchIsPreparedWhileOneIsExecuted(t *testing.T) {
	t.Parallel()
	b, server, f := publishBehind(t, fault{})
	flush(t, b)
	f.requireDelivered(t, preparedCount)
	require.Zero(t, requireOrdered(t, server.values("s"), preparedCount))
}

func TestRejectedBatchIsNotOvertaken(t *testing.T) {
	t.Parallel()
	b, server, f := publishBehind(t, fault{reply: "-OOM command not allowed when used memory > 'maxmemory'.\r\n"})
	flush(t, b)
	f.requireDelivered(t, preparedCount)
	require.Zero(t, requireOrdered(t, server.values("s"), preparedCount), "entries written twice")
	require.Zero(t, b.PossibleDuplicates(), "rejected and prepared messages were not written")
}

func TestOrderIsKeptAfterALostReply(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		does     fault
		repeated int
	}{
		"before it was written": {fault{cutBefore: true}, 0},
		"after it was written":  {fault{cutAfter: true}, preparedBatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, server, f := publishBehind(t, test.does)
			flush(t, b)
			f.requireDelivered(t, preparedCount)
			require.Equal(t, test.repeated, requireOrdered(t, server.values("s"), preparedCount))
			require.EqualValues(t, preparedBatch, b.PossibleDuplicates(), "prepared messages were not written")
		})
	}
}

func TestPreparedBatchWithoutCommitIsNotWritten(t *testing.T) {
	t.Parallel()
	b, server, f := publishBehind(t, fault{hang: true})
	require.Eventually(t, func() bool { return server.asked("EXEC") == 2 }, patience, time.Millisecond)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ended), context.Canceled)
	unknown := 0
	for _, err := range f.failed {
		var failure *signalcast.DeliveryError
		require.ErrorAs(t, err, &failure)
		if failure.Fate == signalcast.FateUnknown {
			unknown++
		}
	}
	require.Equal(t, preparedBatch, unknown)
	require.Len(t, f.failed, preparedCount-len(f.delivered))
}

func TestBusyStreamsShareConnections(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{})
	b := newBackend(t, redis.Config{URL: server.url(), Pipelines: 1, BatchMessages: 20})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var again func(signalcast.Receipt, error)
	again = func(signalcast.Receipt, error) {
		if ctx.Err() == nil {
			_ = b.Publish(ctx, newMessage("busy", 0), again)
		}
	}
	for range 100 {
		again(signalcast.Receipt{}, nil)
	}
	require.Eventually(t, func() bool { return server.asked("EXEC") > 10 }, patience, time.Millisecond)
	f := newFates()
	f.publish(t, b, "other", 1, 1)
	require.Eventually(t, func() bool { return len(server.values("other")) == 1 }, patience, time.Millisecond)
	stop()
	flush(t, b)
	f.requireDelivered(t, 1)
}

func TestMessageThatEndsTheConnectionFailsAlone(t *testing.T) {
	t.Parallel()
	// On a busy machine, the others are delivered only before a longer delivery timeout.
	for timeout := 2 * time.Second; ; timeout *= 4 {
		others, alone, stored := publishMessageThatEndsTheConnection(t, timeout)
		if len(others.failed) > 0 && timeout < patience {
			continue
		}
		others.requireDelivered(t, 19)
		require.Equal(t, signalcast.FateUnknown, alone.failure(t).Fate)
		require.Len(t, stored, 19)
		return
	}
}

// publishMessageThatEndsTheConnection publishes 20 messages to a server that closes the connection when it gets number 14. It returns
// the outcomes of the others, that of number 14, and the stored values.
func publishMessageThatEndsTheConnection(t *testing.T, timeout time.Duration) (others, alone *fates, stored []string) {
	t.Helper()
	published := make(chan struct{})
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "COMMAND" {
			<-published
		}
		return fault{cutBefore: command[0] == "XADD" && command[len(command)-1] == "14"}
	}})
	b := newBackend(t, redis.Config{URL: server.url(), BatchMessages: 16, DeliveryTimeout: timeout})
	others, alone = newFates(), newFates()
	others.publish(t, b, "s", 1, 13)
	alone.publish(t, b, "s", 14, 14)
	close(published)
	require.NoError(t, b.Flush(t.Context()))
	others.publish(t, b, "s", 15, 20)
	require.NoError(t, b.Flush(t.Context()))
	return others, alone, server.values("s")
}
