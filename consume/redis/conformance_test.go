package redis_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/consumetest"
	"github.com/signalcast/signalcast/consume/redis"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, c := range consumetest.Cases(fakeTarget(nil, nil)) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, fakeTarget(newBus(t)))
		})
	}
}

// fakeTarget connects the conformance suite to a server that only one case uses.
func fakeTarget(b *bus, server *miniredis.Miniredis) consumetest.Target {
	target := b.target()
	target.Interrupt = func(testing.TB) (restore func()) {
		server.SetError("LOADING the server is not ready")
		return func() { server.SetError("") }
	}
	target.Kill = func(t testing.TB, s consume.Source) {
		t.Helper()
		closeSource(t, s)
		server.FastForward(lease) // the fake server has no clock
	}
	return target
}

// lease is the lease of the members of the conformance suite.
const lease = 400 * time.Millisecond

// closeSource ends the connections of a member, which then neither renews nor releases its lease.
func closeSource(t testing.TB, s consume.Source) {
	t.Helper()
	source, ok := s.(*redis.Source)
	require.True(t, ok)
	require.NoError(t, source.Close())
}

// target connects the conformance suite to the server.
func (b *bus) target() consumetest.Target {
	return consumetest.Target{
		New: func(t testing.TB, m consumetest.Member) consume.Source {
			t.Helper()
			source, err := redis.New(redis.Config{
				Server: redisbus.Config{URL: b.url}, Group: m.Group, Topics: m.Topics, Start: m.Start, Lease: lease,
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
		Kill:   closeSource,
		NoKeys: true, NoSharing: true,
	}
}
