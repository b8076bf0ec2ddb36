package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

func TestCloseOnItsDeadlineGivesEveryMessageItsFate(t *testing.T) {
	t.Parallel()
	// The first batch hangs within the server, what comes after it was never sent.
	hanging := make(chan struct{}, 1)
	server := startFake(t, &fake{misbehave: func(command []string) fault {
		if command[0] == "XADD" {
			select {
			case hanging <- struct{}{}:
			default:
			}
			return fault{hang: true}
		}
		return fault{}
	}})
	b := newBackend(t, redis.Config{URL: server.url(), ReadTimeout: time.Hour})
	sent, unsent := newFates(), newFates()
	sent.publish(t, b, "s", 1, 1)
	<-hanging
	unsent.publish(t, b, "s", 2, 1000)

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := b.Close(ctx)
	require.Less(t, time.Since(began), patience)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "1000 messages")
	require.Same(t, err, b.Close(t.Context()), "the second call returns what the first did")

	require.Equal(t, signalcast.Unknown, sent.failure(t).Fate)
	require.Equal(t, signalcast.NotWritten, unsent.failure(t).Fate)
	require.ErrorIs(t, unsent.failure(t), signalcast.ErrClosed)
	require.Len(t, unsent.failed, 999)
	require.Zero(t, b.Unacknowledged())
}
