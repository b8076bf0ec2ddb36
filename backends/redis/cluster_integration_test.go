//go:build integration

package redis_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/rediscluster"
)

// cluster is a Redis Cluster of one test: masters first, then one replica for each, in the
// same order.
type cluster struct {
	nodes   []*server
	ids     []string
	masters int
}

// startCluster starts a cluster in which a master that does not reply for two seconds is
// replaced by its replica. Each master has the same share of the slots.
func startCluster(t testing.TB, masters, replicas int) *cluster {
	t.Helper()
	c := &cluster{masters: masters}
	var clients []*goredis.Client
	for range masters + replicas {
		node := startServer(t, "--set", "cluster-enabled yes", "--set", "cluster-node-timeout 2000",
			"--set", fmt.Sprintf("cluster-port %d", ports.Pair(t)))
		c.nodes, clients = append(c.nodes, node), append(clients, node.client)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	c.ids, err = rediscluster.Form(ctx, clients, masters)
	require.NoError(t, err)
	return c
}

// streamOf returns the name of a stream in a slot of the given master, a new one for each n.
func (c *cluster) streamOf(t testing.TB, master, n int) string {
	t.Helper()
	for i := 0; ; i++ {
		name := fmt.Sprintf("s%d-%d", n, i)
		slot, err := c.nodes[0].client.ClusterKeySlot(context.Background(), name).Result()
		require.NoError(t, err)
		if int(slot)*c.masters/16384 == master {
			return name
		}
	}
}

// promoted waits until the replica of a master is a master itself, and returns when that was.
func (c *cluster) promoted(t testing.TB, master int) time.Time {
	t.Helper()
	replica := c.nodes[c.masters+master]
	require.Eventually(t, func() bool {
		role, _ := replica.client.Do(context.Background(), "ROLE").Slice()
		return len(role) > 0 && role[0] == "master"
	}, patience, 10*time.Millisecond)
	return time.Now()
}

func TestReplicaThatIsPromotedIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	const count = 2000
	faults := map[string]func(*server){
		"killed":  func(s *server) { s.run(t, "kill9") },
		"stopped": func(s *server) { s.signal(t, syscall.SIGSTOP) },
	}
	for name, inject := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, 3, 3)
			t.Cleanup(func() { _ = c.nodes[1].command("kill9").Run() })
			stream := c.streamOf(t, 1, 0)
			b := newBackend(t, redis.Config{Addrs: []string{c.nodes[0].addr}, MaxLen: -1})
			f := newFates()
			f.publish(t, b, stream, 1, count)
			flush(t, b)
			require.NoError(t, c.nodes[1].client.Wait(t.Context(), 1, patience).Err(), "what is not replicated is lost")

			inject(c.nodes[1])
			f.publish(t, b, stream, count+1, 2*count)
			promoted := c.promoted(t, 1)
			flush(t, b)
			t.Logf("all delivered %v after the promotion", time.Since(promoted).Round(time.Millisecond))
			require.Less(t, time.Since(promoted), 20*time.Second, "the view of a minute ago is not waited for")
			f.requireDelivered(t, 2*count)
			require.LessOrEqual(t, uint64(requireOrdered(t, c.nodes[4].values(t, stream), 2*count)), b.PossibleDuplicates())
		})
	}
}

func TestMasterThatHangsDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	const streams = 12 // more than Pipelines
	c := startCluster(t, 3, 0)
	b := newBackend(t, redis.Config{Addrs: []string{c.nodes[0].addr}, MaxLen: -1, ReadTimeout: time.Minute})
	hung, healthy := newFates(), newFates()
	for i := range streams {
		healthy.publish(t, b, c.streamOf(t, 0, i), i+1, i+1)
		healthy.publish(t, b, c.streamOf(t, 2, i), streams+i+1, streams+i+1)
	}
	flush(t, b)

	c.nodes[1].signal(t, syscall.SIGSTOP)
	for i := range streams {
		hung.publish(t, b, c.streamOf(t, 1, i), i+1, i+1)
	}
	for i := range streams {
		healthy.publish(t, b, c.streamOf(t, 0, i), 2*streams+i+1, 2*streams+i+1)
		healthy.publish(t, b, c.streamOf(t, 2, i), 3*streams+i+1, 3*streams+i+1)
	}
	require.Eventually(t, func() bool { return b.Unacknowledged() == streams }, patience, time.Millisecond)
	healthy.requireDelivered(t, 4*streams)

	c.nodes[1].signal(t, syscall.SIGCONT)
	flush(t, b)
	hung.requireDelivered(t, streams)
}

func TestNewStreamsOfAMigratingSlotAreWrittenToItsTarget(t *testing.T) {
	t.Parallel()
	const count = 3000
	ctx := context.Background()
	c := startCluster(t, 2, 0)
	from, to := c.nodes[0], c.nodes[1]
	stream := c.streamOf(t, 0, 0)
	slot, err := from.client.ClusterKeySlot(ctx, stream).Result()
	require.NoError(t, err)
	b := newBackend(t, redis.Config{Addrs: []string{from.addr}, MaxLen: -1})
	f := newFates()
	require.NoError(t, to.client.Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", c.ids[0]).Err())
	require.NoError(t, from.client.Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", c.ids[1]).Err())
	f.publish(t, b, stream, 1, 1)
	f.publish(t, b, stream, 2, count/2)
	flush(t, b)
	for _, node := range []*server{to, from} {
		require.NoError(t, node.client.Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", c.ids[1]).Err())
	}
	f.publish(t, b, stream, count/2+1, count)
	flush(t, b)
	f.requireDelivered(t, count)
	require.Zero(t, requireOrdered(t, to.values(t, stream), count))
	require.Zero(t, b.PossibleDuplicates())
}
