//go:build integration

package redis_test

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// redis8 returns the path of a Redis 8.
func redis8(t testing.TB) string {
	t.Helper()
	script := filepath.Join("..", "..", "test", "servers", "redis.sh")
	path, err := exec.CommandContext(context.Background(), "bash", script, "--dir", t.TempDir(), "install8").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(path))
}

// startReplicas starts a master and replicas of it.
func startReplicas(t testing.TB, n int, options ...string) (master *server, replicas []*server) {
	t.Helper()
	master = startServer(t, options...)
	_, port, _ := strings.Cut(master.addr, ":")
	for range n {
		replicas = append(replicas, startServer(t, append([]string{"--set", "replicaof 127.0.0.1 " + port}, options...)...))
	}
	require.Eventually(t, func() bool {
		info, _ := master.client.Info(context.Background(), "replication").Result()
		return strings.Count(info, "state=online") == n
	}, patience, 10*time.Millisecond)
	return master, replicas
}

func TestReplicasHaveEveryDeliveredMessage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options []string
		synced  bool
	}{
		"in memory": {nil, false},
		"on disk":   {[]string{"--binary", redis8(t)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			master, replicas := startReplicas(t, 2, c.options...)
			b := newBackend(t, redis.Config{URL: master.url, MaxLen: -1, Replicas: 2, Synced: c.synced, DeliveryTimeout: patience})
			f := newFates()
			f.publish(t, b, "s", 1, 2000)
			flush(t, b)
			f.requireDelivered(t, 2000)
			for _, r := range replicas {
				require.Len(t, r.values(t, "s"), 2000)
			}

			replicas[0].signal(t, syscall.SIGSTOP)
			f.publish(t, b, "s", 2001, 2001)
			require.Eventually(t, func() bool { return len(b.Troubles()) > 0 }, patience, time.Millisecond)
			require.ErrorContains(t, b.Troubles()[0].Err, " replicas; want ")
			require.Equal(t, 1, b.Unacknowledged())
			replicas[0].signal(t, syscall.SIGCONT)
			flush(t, b)
			f.requireDelivered(t, 2001)
			require.Zero(t, requireOrdered(t, master.values(t, "s"), 2001), "entries written twice")
		})
	}
}

// BenchmarkReplicas publishes with each degree of durability. Servers that write to disk every second
// confirm a batch once a second, so that BenchmarkSyncedReplicas uses others.
func BenchmarkReplicas(b *testing.B) {
	benchmarkReplicas(b, "everysec", redis.Config{}, redis.Config{Replicas: 1}, redis.Config{Replicas: 2})
}

func BenchmarkSyncedReplicas(b *testing.B) {
	benchmarkReplicas(b, "always", redis.Config{}, redis.Config{Synced: true}, redis.Config{Replicas: 2, Synced: true})
}

func benchmarkReplicas(b *testing.B, fsync string, configs ...redis.Config) {
	b.Helper()
	master, _ := startReplicas(b, 2, "--binary", redis8(b), "--fsync", fsync)
	m := benchmarked()
	for _, c := range configs {
		c.URL, c.MaxLen = master.url, 10_000
		name := fmt.Sprintf("replicas=%d/synced=%t", c.Replicas, c.Synced)
		b.Run(name+"/async", func(b *testing.B) {
			backend := newBackend(b, c)
			report := measure(b)
			for b.Loop() {
				if err := backend.Publish(b.Context(), m, func(signalcast.Receipt, error) {}); err != nil {
					b.Fatal(err)
				}
			}
			flush(b, backend)
			report()
		})
		b.Run(name+"/one at a time", func(b *testing.B) {
			backend := newBackend(b, c)
			done := make(chan error, 1)
			for b.Loop() {
				if err := backend.Publish(b.Context(), m, func(_ signalcast.Receipt, err error) { done <- err }); err != nil {
					b.Fatal(err)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestPrepareRejectsAServerWithoutWaitAOF(t *testing.T) {
	t.Parallel()
	b := newBackend(t, redis.Config{URL: startServer(t).url, Synced: true}) // Redis 7.0
	err := b.Prepare(t.Context(), []signalcast.Route{{EventType: "e", Topic: "s"}})
	require.ErrorContains(t, err, "found a server without WAITAOF; want Redis 7.2 or newer")
}
