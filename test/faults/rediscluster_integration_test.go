//go:build integration

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/rediscluster"
)

// redisCluster is a Redis Cluster of three masters with a replica each.
type redisCluster struct {
	servers []*server
	clients []*goredis.Client
	ids     []string
}

// newRedisCluster starts a cluster that replaces a master which does not reply for two seconds.
func newRedisCluster(t testing.TB) (c *redisCluster, addrs []string) {
	t.Helper()
	const masters = 3
	c = &redisCluster{}
	for i := range 2 * masters {
		port := ports.Pair(t)
		addr := fmt.Sprint("127.0.0.1:", port)
		c.servers = append(c.servers, startServer(t, "redis.sh", fmt.Sprint("redis-cluster-", i), "--port", strconv.Itoa(port),
			"--set", "cluster-enabled yes", "--set", "cluster-node-timeout 2000", "--set", fmt.Sprint("cluster-port ", ports.Pair(t))))
		client := goredis.NewClient(&goredis.Options{Addr: addr, PoolSize: 1, MaxRetries: -1, ConnMaxIdleTime: -1, ReadTimeout: readTimeout})
		t.Cleanup(func() { _ = client.Close() })
		c.clients, addrs = append(c.clients, client), append(addrs, addr)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var err error
	c.ids, err = rediscluster.Form(ctx, c.clients, masters)
	require.NoError(t, err)
	return c, addrs
}

// startRedisCluster starts a cluster. The backend waits for one replica, so that no delivered event is
// lost with its master.
func startRedisCluster(t testing.TB) (*target, []scenario) {
	t.Helper()
	c, addrs := newRedisCluster(t)
	p := &target{
		name: "Redis Cluster, three masters with a replica each, `Replicas: 1`",
		open: func(t testing.TB) backend {
			t.Helper()
			b, err := redis.New(redis.Config{
				Addrs: addrs, MaxLen: -1, BufferMessages: bufferMessages, BufferBytes: bufferBytes, Replicas: 1,
				ReadTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: delivery,
			})
			require.NoError(t, err)
			return b
		},
		read: func(t testing.TB, topic string) []signalcast.UUID {
			t.Helper()
			master, err := c.masterOf(topic)
			require.NoError(t, err)
			return readStream(t, c.clients[master], topic)
		},
		allowed: func(b backend, _ scenario) int { return int(b.(*redis.Backend).PossibleDuplicates()) },
	}
	return p, []scenario{{
		name: "master killed", fault: "master killed with -9, and restarted after its replica was promoted", interrupts: true, short: true,
		inject: c.replaceMaster((*server).kill, (*server).restart),
	}, {
		name: "master stopped", fault: "master stopped until its replica was promoted", interrupts: true,
		inject: c.replaceMaster((*server).suspend, (*server).resume),
	}, {
		name: "master moved back", fault: "replica made master by the operator (`CLUSTER FAILOVER`), and the old master again", interrupts: true, short: true,
		inject: func(stream string) error { return errors.Join(c.promoteReplica(stream), c.promoteReplica(stream)) },
	}, {
		name: "slot moved", fault: "slot of the stream moved to another master, with the stream", interrupts: true, short: true,
		inject: c.moveSlot,
	}}
}

// masterOf returns the index of the node that is the master of a stream.
func (c *redisCluster) masterOf(stream string) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		for i, client := range c.clients {
			if client.XLen(ctx, stream).Err() == nil && rediscluster.Role(ctx, client) == "master" {
				return i, nil
			}
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("no node is the master of %s", stream)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// replaceMaster returns a function that makes the master of a stream unavailable until its replica
// was promoted, and waits until the old master is a replica.
func (c *redisCluster) replaceMaster(begin, end func(*server) error) func(string) error {
	return func(stream string) error {
		old, err := c.masterOf(stream)
		if err != nil {
			return err
		}
		if err := begin(c.servers[old]); err != nil {
			return err
		}
		other := (old + len(c.clients)/2) % len(c.clients)
		err = c.awaitRole(other, "master")
		return errors.Join(err, end(c.servers[old]), c.awaitRole(old, "slave"), c.awaitReplica(other))
	}
}

// promoteReplica makes the replica of the master of a stream the master, and waits until the old
// master is its replica.
func (c *redisCluster) promoteReplica(stream string) error {
	old, err := c.masterOf(stream)
	if err != nil {
		return err
	}
	other := (old + len(c.clients)/2) % len(c.clients)
	var asked time.Time
	err = c.await(func(ctx context.Context) bool {
		if time.Since(asked) > time.Second { // a server drops the request if it has just changed its role
			asked = time.Now()
			_ = c.clients[other].Do(ctx, "CLUSTER", "FAILOVER").Err()
		}
		return rediscluster.Role(ctx, c.clients[other]) == "master"
	}, "a replica to be promoted")
	return errors.Join(err, c.awaitRole(old, "slave"), c.awaitReplica(other))
}

func (c *redisCluster) awaitRole(node int, want string) error {
	return c.await(func(ctx context.Context) bool {
		return rediscluster.Role(ctx, c.clients[node]) == want
	}, "a node to be "+want)
}

// awaitReplica waits until a master has a replica that confirms writes.
func (c *redisCluster) awaitReplica(master int) error {
	return c.await(func(ctx context.Context) bool {
		n, err := c.clients[master].Wait(ctx, 1, time.Second).Result()
		return err == nil && n == 1
	}, "a replica in sync")
}

func (c *redisCluster) await(ready func(context.Context) bool, what string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !ready(ctx) {
		if ctx.Err() != nil {
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
		<-time.After(20 * time.Millisecond)
	}
	return nil
}

// moveSlot moves the slot of a stream to the next master.
func (c *redisCluster) moveSlot(stream string) error {
	from, err := c.masterOf(stream)
	if err != nil {
		return err
	}
	for i := range c.clients {
		to := (from + 1 + i) % len(c.clients)
		if to != from && rediscluster.Role(context.Background(), c.clients[to]) == "master" {
			return rediscluster.Migrate(context.Background(), stream, c.clients[from], c.clients[to], c.ids[from], c.ids[to])
		}
	}
	return errors.New("found no other master")
}
