package redis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/consumetest"
	"github.com/signalcast/signalcast/consume/redis"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	b, _ := newBus(t) // miniredis does not block reads after a restart, so the cases about lost connections do not apply
	consumetest.Run(t, consumetest.Target{
		New: func(t testing.TB, m consumetest.Member) consume.Source {
			t.Helper()
			source, err := redis.New(redis.Config{
				Server: redisbus.Config{URL: b.url}, Group: m.Group, Topics: m.Topics, Start: m.Start, Lease: 400 * time.Millisecond,
			})
			require.NoError(t, err)
			t.Cleanup(func() { _ = source.Close() })
			return source
		},
		Backend: func(t testing.TB) signalcast.Backend {
			t.Helper()
			backend, err := redisbus.New(redisbus.Config{URL: b.url})
			require.NoError(t, err)
			return backend
		},
		NoKeys: true,
	})
}
