//go:build integration

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/hosts"
	"github.com/signalcast/signalcast/test/rediscluster"
)

const masterName = "the-master"

// hostSentinel is a Redis server with a replica, and three Sentinels, each on one of three hosts. The first server and the first Sentinel
// share a host. So do the second ones.
type hostSentinel struct {
	network *hosts.Network
	// here are the hosts of the client and the first server, and there are the others: two sides of the network, which split cuts apart.
	here, there []hosts.Host
	sentinels   []string          // their addresses
	nodes       []*goredis.Client // the first server, which prepare makes the master, and the second
}

// newHostSentinel starts the servers and the Sentinels.
func newHostSentinel(t *testing.T, n *hosts.Network) *hostSentinel {
	t.Helper()
	c := &hostSentinel{network: n}
	master, replica, third := n.Add(t, "master"), n.Add(t, "replica"), n.Add(t, "third")
	c.here, c.there = []hosts.Host{n.Client, master}, []hosts.Host{replica, third}
	for i, h := range []hosts.Host{master, replica} {
		options := []string{
			"--fsync", "always", "--set", "repl-timeout 5", "--set", "repl-ping-replica-period 1", "--set", "repl-diskless-sync-delay 0",
		}
		if i > 0 {
			options = append(options, "--set", "replicaof "+master.Addr+" 6379")
		}
		_, node := startHostRedis(t, h, nil, options...)
		c.nodes = append(c.nodes, node)
	}
	for _, h := range []hosts.Host{master, replica, third} {
		c.startSentinel(t, h, master)
	}
	c.await(t, "Sentinels that know each other", func() bool {
		for _, address := range c.sentinels {
			known := redisNode(t, address).Do(t.Context(), "SENTINEL", "CKQUORUM", masterName)
			if text, _ := known.Text(); !strings.HasPrefix(text, "OK 3") {
				return false
			}
		}
		return true
	})
	return c
}

// startSentinel starts a Sentinel that monitors the server on the host master.
func (c *hostSentinel) startSentinel(t *testing.T, on, master hosts.Host) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(config, []byte(strings.Join([]string{
		"port 26379", "bind 0.0.0.0", "protected-mode no",
		fmt.Sprintf("sentinel monitor %s %s 6379 2", masterName, master.Addr),
		"sentinel down-after-milliseconds " + masterName + " 2000",
		"sentinel failover-timeout " + masterName + " 5000", "",
	}, "\n")), 0o600))
	process := on.Command(context.WithoutCancel(t.Context()), "redis-server", config, "--sentinel")
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	c.sentinels = append(c.sentinels, on.Addr+":26379")
}

func (c *hostSentinel) await(t testing.TB, what string, ready func() bool) {
	t.Helper()
	require.Eventually(t, ready, 60*time.Second, 50*time.Millisecond, "waiting for %s", what)
}

// prepare makes the first server the master, waits until the second is its replica and in sync, and sets min-replicas-to-write.
func (c *hostSentinel) prepare(minReplicas int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	var requested time.Time // the last failover
	for {
		role := rediscluster.Role(ctx, c.nodes[0])
		confirmed, _ := c.nodes[0].Wait(ctx, 1, time.Second).Result()
		if role == "master" && confirmed == 1 {
			break
		}
		if role == "slave" && time.Since(requested) > 8*time.Second { // longer than failover-timeout
			requested = time.Now()
			sentinel := goredis.NewSentinelClient(&goredis.Options{Addr: c.sentinels[0]})
			_ = sentinel.Failover(ctx, masterName).Err()
			_ = sentinel.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for the first server to be the master of the second: %w", ctx.Err())
		}
		<-time.After(100 * time.Millisecond)
	}
	for _, node := range c.nodes {
		if err := node.ConfigSet(ctx, "min-replicas-to-write", strconv.Itoa(minReplicas)).Err(); err != nil {
			return err
		}
		if err := node.ConfigSet(ctx, "min-replicas-max-lag", "1").Err(); err != nil {
			return err
		}
	}
	return nil
}

// split drops the packets between the sides until 2 s after the replica became a master. The client can always reach the old master.
func (c *hostSentinel) split(string) error {
	if err := c.network.Split(c.here, c.there[1:]); err != nil {
		return err
	}
	// The test is on the client's host and asks the replica for its role. So the replica is cut off from the master only.
	if err := c.network.Split(c.here[1:], c.there[:1]); err != nil {
		return err
	}
	promoted := func() bool { return rediscluster.Role(context.Background(), c.nodes[1]) == "master" }
	for deadline := time.Now().Add(30 * time.Second); !promoted(); <-time.After(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("the replica was not promoted")
		}
	}
	<-time.After(2 * time.Second)
	if err := c.network.Join(c.here[1:], c.there[:1]); err != nil {
		return err
	}
	return c.network.Join(c.here, c.there[1:])
}

// target returns a target whose backend and consumer know only the first Sentinel, which is on their side of the network.
func (c *hostSentinel) target(replicas int) hostTarget {
	config := hostRedis(redis.Config{Addrs: c.sentinels[:1], MasterName: masterName, Replicas: replicas})
	return redisTarget(config, func(t testing.TB, _ string) *goredis.Client {
		t.Helper()
		c.await(t, "a single master", func() bool {
			return rediscluster.Role(t.Context(), c.nodes[0]) == "slave"
		})
		return c.nodes[1]
	})
}

// startHostSentinel starts a master, a replica and three Sentinels.
func startHostSentinel(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	c := newHostSentinel(t, n)
	scenario := func(name, setting string, minReplicas, replicas int) hostScenario {
		target := c.target(replicas)
		return hostScenario{
			name: name, fault: "master cut off from its replica, which is promoted, while the client reaches the old master; " + setting,
			load: 16 * time.Second, before: func(string) error { return c.prepare(minReplicas) }, inject: c.split,
			loses: replicas == 0, open: target.open,
		}
	}
	return []hostTarget{c.target(0)}, []hostScenario{
		scenario("default", "default settings", 0, 0),
		scenario("min-replicas", "`min-replicas-to-write 1`, lag 1 s", 1, 0),
		scenario("replicas", "`Replicas: 1`", 0, 1),
		scenario("both", "`Replicas: 1` and `min-replicas-to-write 1`", 1, 1),
	}
}
