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

// master returns the node that is the master of the stream.
func (c *cluster) master() (int, error) {
	return c.await("the master of the stream", func(ctx context.Context, node *goredis.Client) bool {
		return node.XLen(ctx, topic).Err() == nil && rediscluster.Role(ctx, node) == "master"
	})
}

// killMaster kills the master of the stream, waits until a consumer has the lease at its replica, and starts it again. The consumer must
// not need longer than the lease and a second. Events are published again when the new master has a replica.
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
		began, last := time.Now(), time.Duration(0)
		_, err = c.await("used", func(ctx context.Context, node *goredis.Client) bool {
			if node != c.clients[promoted] {
				return false
			}
			left := node.PTTL(ctx, "signalcast-lease:{"+topic+"}:group").Val()
			renewed := last != 0 && left > last
			last = left
			return renewed
		})
		if took := time.Since(began); err == nil && took > 3*time.Second {
			err = fmt.Errorf("a consumer uses the promoted replica after %v", took)
		}
		return err
	})
}

// moveSlot moves the slot of the stream to another master.
func (c *cluster) moveSlot() error {
	from, err := c.master()
	if err != nil {
		return err
	}
	to, err := c.await("another master", func(ctx context.Context, node *goredis.Client) bool {
		return node != c.clients[from] && rediscluster.Role(ctx, node) == "master"
	})
	if err != nil {
		return err
	}
	return rediscluster.Migrate(context.Background(), topic, c.clients[from], c.clients[to], c.ids[from], c.ids[to])
}
