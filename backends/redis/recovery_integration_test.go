//go:build integration

package redis_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/faults"
)

func TestReplicaThatSentinelsPromoteIsFound(t *testing.T) {
	t.Parallel()
	const count = 2000
	for name, inject := range map[string]func(t *testing.T, master *server){
		"killed":  func(t *testing.T, master *server) { master.run(t, "kill9") },
		"stopped": func(t *testing.T, master *server) { master.signal(t, syscall.SIGSTOP) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, replicas := startReplicas(t, 1)
			_, port, _ := strings.Cut(master.addr, ":")
			sentinel := startSentinel(t, port)
			control := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel})
			t.Cleanup(func() { _ = control.Close() })
			require.Eventually(t, func() bool {
				known, _ := control.Replicas(t.Context(), "the-master").Result()
				return len(known) == 1 && known[0]["flags"] == "slave"
			}, patience, 10*time.Millisecond)
			b := newBackend(t, redis.Config{Addrs: []string{sentinel}, MasterName: "the-master", MaxLen: -1, Replicas: 1})
			f := newFates()
			f.publish(t, b, "s", 1, count)
			flush(t, b)

			began := time.Now()
			inject(t, master)
			f.publish(t, b, "s", count+1, count+1)
			require.Eventually(t, func() bool {
				role, _ := replicas[0].client.Do(t.Context(), "ROLE").Slice()
				return len(role) > 0 && role[0] == "master"
			}, patience, 10*time.Millisecond)
			promoted := time.Now()
			require.Eventually(t, func() bool { return len(replicas[0].values(t, "s")) > count }, patience, 10*time.Millisecond)
			t.Logf("promoted %v after the fault, written %v later", promoted.Sub(began).Round(10*time.Millisecond),
				time.Since(promoted).Round(10*time.Millisecond))
			f.requireDelivered(t, count) // the new master has no replica yet that could confirm the last
			require.LessOrEqual(t, uint64(requireOrdered(t, replicas[0].values(t, "s"), count+1)), b.PossibleDuplicates())
		})
	}
}

// A master whose replica is cut off writes on. What it acknowledges is lost when the replica
// takes over.
func TestOnlyConfirmedMessagesSurviveTheirMaster(t *testing.T) {
	t.Parallel()
	const count = 4000
	for name, c := range map[string]struct {
		replicas int
		atLeast  []string // min-replicas-to-write and -max-lag
		lost     func(t *testing.T, n int)
	}{
		"by default":                 {0, nil, func(t *testing.T, n int) { require.Equal(t, count, n) }},
		"with min-replicas-to-write": {0, []string{"1", "1"}, func(t *testing.T, n int) { require.Positive(t, n); require.Less(t, n, count) }},
		"with Config.Replicas":       {1, nil, func(t *testing.T, n int) { require.Zero(t, n) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master := startServer(t)
			proxy, err := faults.NewProxy(master.addr)
			require.NoError(t, err)
			t.Cleanup(proxy.Close)
			_, port, _ := strings.Cut(proxy.Addr(), ":")
			replica := startServer(t, "--set", "replicaof 127.0.0.1 "+port)
			b := newBackend(t, redis.Config{URL: master.url, MaxLen: -1, Replicas: c.replicas})
			require.Eventually(t, func() bool {
				n, _ := master.client.Wait(t.Context(), 1, time.Second).Result()
				return n == 1
			}, patience, 10*time.Millisecond)
			if c.atLeast != nil {
				require.NoError(t, master.client.ConfigSet(t.Context(), "min-replicas-to-write", c.atLeast[0]).Err())
				require.NoError(t, master.client.ConfigSet(t.Context(), "min-replicas-max-lag", c.atLeast[1]).Err())
			}
			proxy.Set(faults.BlackHole)
			f := newFates()
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			for n := 1; n <= count; n++ {
				<-pace.C
				f.publish(t, b, "s", n, n)
			}
			if c.replicas == 0 && c.atLeast == nil {
				flush(t, b)
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			_ = b.Close(ended)
			master.run(t, "kill9")
			require.NoError(t, replica.client.ReplicaOf(t.Context(), "NO", "ONE").Err())
			kept := map[string]bool{}
			for _, value := range replica.values(t, "s") {
				kept[value] = true
			}
			lost := 0
			for value := range f.delivered {
				if !kept[value] {
					lost++
				}
			}
			t.Logf("%d of %d messages delivered, %d of them lost", len(f.delivered), count, lost)
			c.lost(t, lost)
			for _, err := range f.failed {
				var failure *signalcast.DeliveryError
				require.ErrorAs(t, err, &failure)
			}
		})
	}
}
