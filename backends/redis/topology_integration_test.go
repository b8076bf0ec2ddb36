//go:build integration

package redis_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/rediscluster"
)

func TestStreamMovesToAnotherNodeOfACluster(t *testing.T) {
	t.Parallel()
	const count = 20_000
	ctx := context.Background()
	c := startCluster(t, 2, 0)
	from, to := c.nodes[0], c.nodes[1]
	stays, moves := c.streamOf(t, 0, 0), c.streamOf(t, 0, 1)

	b := newBackend(t, redis.Config{Addrs: []string{from.addr}, MaxLen: -1})
	staying, moving := newFates(), newFates()
	moving.publish(t, b, moves, 1, count/2)
	moved := make(chan error, 1)
	go func() { moved <- rediscluster.Migrate(ctx, moves, from.client, to.client, c.ids[0], c.ids[1]) }()
	moving.publish(t, b, moves, count/2+1, count)
	staying.publish(t, b, stays, 1, 1000)
	require.NoError(t, <-moved)
	flush(t, b)
	moving.requireDelivered(t, count)
	staying.requireDelivered(t, 1000)
	require.Zero(t, b.PossibleDuplicates(), "a node that rejects has not written")
	require.Zero(t, requireOrdered(t, to.values(t, moves), count))
	require.Zero(t, requireOrdered(t, from.values(t, stays), 1000))
}

func TestSentinelsReplaceTheMaster(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	master := startServer(t)
	_, port, _ := strings.Cut(master.addr, ":")
	replica := startServer(t, "--set", "replicaof 127.0.0.1 "+port)
	require.Eventually(t, func() bool {
		info, _ := replica.client.Info(ctx, "replication").Result()
		return strings.Contains(info, "master_link_status:up")
	}, patience, 10*time.Millisecond)
	sentinel := startSentinel(t, port)

	b := newBackend(t, redis.Config{Addrs: []string{sentinel}, MasterName: "the-master", MaxLen: -1})
	f := newFates()
	f.publish(t, b, "s", 1, 1000)
	flush(t, b)
	require.NoError(t, master.client.Wait(ctx, 1, patience).Err(), "what is not replicated is lost with the master")

	control := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel})
	t.Cleanup(func() { _ = control.Close() })
	require.Eventually(t, func() bool { // once the Sentinel knows the replica
		return control.Failover(ctx, "the-master").Err() == nil
	}, patience, 50*time.Millisecond)
	require.Eventually(t, func() bool {
		role, _ := replica.client.Do(ctx, "ROLE").Slice()
		return len(role) > 0 && role[0] == "master"
	}, patience, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		role, _ := master.client.Do(ctx, "ROLE").Slice()
		return len(role) > 0 && role[0] == "slave"
	}, patience, 10*time.Millisecond)
	f.publish(t, b, "s", 1001, 2000)
	flush(t, b)
	f.requireDelivered(t, 2000)
	require.LessOrEqual(t, uint64(requireOrdered(t, replica.values(t, "s"), 2000)), b.PossibleDuplicates())
}

// startSentinel starts a Sentinel that watches the master on the given port, and
// returns its address.
func startSentinel(t *testing.T, master string) string {
	t.Helper()
	port := strconv.Itoa(ports.Pair(t))
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(config, []byte(strings.Join([]string{
		"port " + port,
		"bind 127.0.0.1",
		"sentinel monitor the-master 127.0.0.1 " + master + " 1",
		"sentinel down-after-milliseconds the-master 2000",
		"sentinel failover-timeout the-master 10000",
	}, "\n")+"\n"), 0o600))
	process := exec.CommandContext(context.Background(), "redis-server", config, "--sentinel")
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	address := "127.0.0.1:" + port
	client := goredis.NewSentinelClient(&goredis.Options{Addr: address})
	t.Cleanup(func() { _ = client.Close() })
	require.Eventually(t, func() bool { return client.Ping(context.Background()).Err() == nil }, patience, 10*time.Millisecond)
	return address
}
