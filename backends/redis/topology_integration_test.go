//go:build integration

package redis_test

import (
	"context"
	"fmt"
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
)

func TestStreamMovesToAnotherNodeOfACluster(t *testing.T) {
	t.Parallel()
	const count = 20_000
	ctx := context.Background()
	nodes := make([]*server, 2)
	ids := make([]string, 2)
	for i := range nodes {
		nodes[i] = startServer(t, "--set", "cluster-enabled yes", "--set", fmt.Sprintf("cluster-port %d", ports.Pair(t)))
		id, err := nodes[i].client.Do(ctx, "CLUSTER", "MYID").Text()
		require.NoError(t, err)
		ids[i] = id
	}
	from, to := nodes[0], nodes[1]
	require.NoError(t, from.client.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", 0, 16383).Err())
	bus, err := to.client.ConfigGet(ctx, "cluster-port").Result()
	require.NoError(t, err)
	_, port, _ := strings.Cut(to.addr, ":")
	require.NoError(t, from.client.Do(ctx, "CLUSTER", "MEET", "127.0.0.1", port, bus["cluster-port"]).Err())
	for _, node := range nodes {
		require.Eventually(t, func() bool {
			info, _ := node.client.ClusterInfo(ctx).Result()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:2")
		}, patience, 10*time.Millisecond)
	}

	b := newBackend(t, redis.Config{Addrs: []string{from.addr}, MaxLen: -1})
	stays, moves := newFates(), newFates()
	moves.publish(t, b, "moves", 1, count/2)
	slot, err := from.client.ClusterKeySlot(ctx, "moves").Result()
	require.NoError(t, err)
	moved := make(chan error, 1)
	go func() {
		moved <- func() error {
			host, port, _ := strings.Cut(to.addr, ":")
			for _, step := range []struct {
				at   *server
				args []any
			}{
				{to, []any{"CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0]}},
				{from, []any{"CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1]}},
				{from, []any{"MIGRATE", host, port, "moves", 0, 10_000}},
				{to, []any{"CLUSTER", "SETSLOT", slot, "NODE", ids[1]}},
				{from, []any{"CLUSTER", "SETSLOT", slot, "NODE", ids[1]}},
			} {
				if err := step.at.client.Do(ctx, step.args...).Err(); err != nil {
					return fmt.Errorf("%v: %w", step.args, err)
				}
			}
			return nil
		}()
	}()
	moves.publish(t, b, "moves", count/2+1, count)
	stays.publish(t, b, "stays", 1, 1000)
	require.NoError(t, <-moved)
	flush(t, b)
	moves.requireDelivered(t, count)
	stays.requireDelivered(t, 1000)
	require.Zero(t, b.PossibleDuplicates(), "a node that rejects has not written")
	require.Zero(t, requireOrdered(t, to.values(t, "moves"), count))
	require.Zero(t, requireOrdered(t, from.values(t, "stays"), 1000))
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
