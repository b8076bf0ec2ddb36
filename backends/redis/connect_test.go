package redis_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

func TestCredentialsAreAskedForWithEachConnection(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	server.RequireUserAuth("app", "first token")
	var token atomic.Pointer[string]
	token.Store(new("first token"))
	b := newBackend(t, redis.Config{
		URL: "redis://" + server.Addr(),
		Credentials: func(context.Context) (string, string, error) {
			return "app", *token.Load(), nil
		},
	})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)

	token.Store(new("second token"))
	server.Close()
	require.NoError(t, server.Restart())
	server.RequireUserAuth("app", "second token")
	f.publish(t, b, "s", 2, 2)
	flush(t, b)
	f.requireDelivered(t, 2)
}

func TestErrorOfCredentialsIsTheCause(t *testing.T) {
	t.Parallel()
	errToken := errors.New("the token service is unavailable")
	b := newBackend(t, redis.Config{
		URL: "redis://" + miniredis.RunT(t).Addr(), DeliveryTimeout: time.Second,
		Credentials: func(context.Context) (string, string, error) { return "", "", errToken },
	})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	failure := f.failure(t)
	require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
	require.ErrorIs(t, failure, errToken)
	require.Equal(t, signalcast.FateNotWritten, failure.Fate)
}

func TestDialIsUsedForEveryConnection(t *testing.T) {
	t.Parallel()
	server := miniredis.RunT(t)
	var dialed atomic.Int64
	b := newBackend(t, redis.Config{
		URL: "redis://redis.internal:6379",
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != "redis.internal:6379" || network != "tcp" {
				return nil, errors.New("unexpected address")
			}
			dialed.Add(1)
			return (&net.Dialer{}).DialContext(ctx, network, server.Addr())
		},
	})
	f := newFates()
	f.publish(t, b, "s", 1, 1)
	flush(t, b)
	f.requireDelivered(t, 1)
	require.EqualValues(t, 1, dialed.Load())
}
