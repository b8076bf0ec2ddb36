//go:build integration

package consume_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/programs"
	"github.com/signalcast/signalcast/test/rediscluster"
)

// masters is the number of masters of the cluster. Each has a replica.
const masters = 3

// cluster is a Redis Cluster that promotes the replica of a master which does not reply for a second.
type cluster struct {
	servers []*programs.Server
	clients []*goredis.Client
	addrs   []string
	ids     []string
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{}
	for i := range 2 * masters {
		port := ports.Pair(t)
		c.addrs = append(c.addrs, fmt.Sprint("127.0.0.1:", port))
		c.servers = append(c.servers, programs.StartServer(t, "redis.sh", fmt.Sprint("consume/cluster-", i), "--port", strconv.Itoa(port),
			"--set", "cluster-enabled yes", "--set", "cluster-node-timeout 1000", "--set", fmt.Sprint("cluster-port ", ports.Pair(t))))
		client := goredis.NewClient(&goredis.Options{Addr: c.addrs[i], PoolSize: 1, ReadTimeout: time.Second})
		t.Cleanup(func() { _ = client.Close() })
		c.clients = append(c.clients, client)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	c.ids, err = rediscluster.Form(ctx, c.clients, masters)
	require.NoError(t, err)
	return c
}

// await waits until the index of a node that satisfies f is found.
func (c *cluster) await(what string, f func(ctx context.Context, node *goredis.Client) bool) (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		for i, node := range c.clients {
			if f(ctx, node) {
				return i, nil
			}
		}
		programs.Pause(ctx, 20*time.Millisecond)
	}
	return 0, errors.New("no node is " + what)
}

func role(ctx context.Context, node *goredis.Client) any {
	role, _ := node.Do(ctx, "ROLE").Slice()
	if len(role) == 0 {
		return nil
	}
	return role[0]
}

// master returns the node that is the master of the stream.
func (c *cluster) master() (int, error) {
	return c.await("the master of the stream", func(ctx context.Context, node *goredis.Client) bool {
		return node.XLen(ctx, topic).Err() == nil && role(ctx, node) == "master"
	})
}

// killMaster kills the master of the stream, waits until the consumers read from its replica, and starts it again. They must
// not need longer than the lease and a second.
func (c *cluster) killMaster() error {
	old, err := c.master()
	if err != nil {
		return err
	}
	return c.servers[old].KillDuring(func() error {
		promoted, err := c.master()
		if err != nil {
			return err
		}
		began, before := time.Now(), c.read(promoted)
		_, err = c.await("read", func(context.Context, *goredis.Client) bool { return c.read(promoted) > before })
		if took := time.Since(began); err == nil && took > 3*time.Second {
			err = fmt.Errorf("the consumers read from the promoted replica after %v", took)
		}
		return err
	})
}

// read returns how many entries the group has read from the stream at a node.
func (c *cluster) read(node int) (n int64) {
	groups, _ := c.clients[node].XInfoGroups(context.Background(), topic).Result()
	for _, g := range groups {
		n += g.EntriesRead
	}
	return n
}

// moveSlot moves the slot of the stream to another master.
func (c *cluster) moveSlot() error {
	from, err := c.master()
	if err != nil {
		return err
	}
	to, err := c.await("another master", func(ctx context.Context, node *goredis.Client) bool {
		return node != c.clients[from] && role(ctx, node) == "master"
	})
	if err != nil {
		return err
	}
	return rediscluster.Migrate(context.Background(), topic, c.clients[from], c.clients[to], c.ids[from], c.ids[to])
}
