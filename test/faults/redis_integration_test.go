//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/faults"
)

// startRedis starts a Redis server with an append-only file and the given appendfsync.
func startRedis(t testing.TB, fsync string) (*target, []scenario) {
	t.Helper()
	s := startServer(t, "redis.sh", "redis-"+fsync, "--fsync", fsync)
	addr := s.Env(t, "REDIS_ADDR")
	proxy, err := faults.NewProxy(addr)
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	client := goredis.NewClient(&goredis.Options{Addr: addr, PoolSize: 1, ConnMaxIdleTime: -1})
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.Ping(t.Context()).Err())

	p := &target{
		name:    "Redis, appendfsync " + fsync,
		proxies: []*faults.Proxy{proxy},
		open: func(t testing.TB) backend {
			t.Helper()
			b, err := redis.New(redis.Config{
				URL: "redis://" + proxy.Addr(), MaxLen: -1, BufferMessages: bufferMessages, BufferBytes: bufferBytes,
				ReadTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: delivery,
			})
			require.NoError(t, err)
			return b
		},
		read: func(t testing.TB, topic string) []signalcast.UUID {
			t.Helper()
			return readStream(t, client, topic)
		},
		allowed: func(b backend, _ scenario) int { return int(b.(*redis.Backend).PossibleDuplicates()) },
	}
	return p, append(connectionFaults(proxy), scenario{
		name: "killed", fault: "server killed with -9, and restarted", interrupts: true, short: true,
		// While it waits for the disk, the server acknowledges entries that it has not
		// yet given to the operating system.
		forgets: fsync == "everysec",
		inject:  func(string) error { return during(0, s.kill, s.restart) },
	}, scenario{
		name: "stopped", fault: "server stopped for 10 s", interrupts: true,
		inject: func(string) error { return during(10*time.Second, s.suspend, s.resume) },
	}, scenario{
		name: "full", fault: "`maxmemory` reached for 2 s",
		inject: func(string) error {
			ctx := context.Background()
			memory, err := client.InfoMap(ctx, "memory").Result()
			if err != nil {
				return err
			}
			used, err := strconv.Atoi(memory["Memory"]["used_memory"])
			if err != nil {
				return err
			}
			limit := func(bytes int) func() error {
				return func() error { return client.ConfigSet(ctx, "maxmemory", strconv.Itoa(bytes)).Err() }
			}
			return during(2*time.Second, limit(used+100<<10), limit(0))
		},
	})
}

// readStream returns the IDs of the events in a stream, and deletes the stream.
func readStream(t testing.TB, client *goredis.Client, stream string) (ids []signalcast.UUID) {
	t.Helper()
	ids = streamIDs(t, client, stream)
	require.NoError(t, client.Del(context.Background(), stream).Err())
	return ids
}

// streamIDs returns the IDs of the events in a stream.
func streamIDs(t testing.TB, client *goredis.Client, stream string) (ids []signalcast.UUID) {
	t.Helper()
	const page = 10_000
	for from := "-"; ; {
		entries, err := client.XRangeN(context.Background(), stream, from, "+", page).Result()
		require.NoError(t, err)
		for _, e := range entries {
			id, err := signalcast.ParseUUID(fmt.Sprint(e.Values["id"]))
			require.NoError(t, err)
			ids = append(ids, id)
			from = "(" + e.ID
		}
		if len(entries) < page {
			break
		}
	}
	return ids
}
