//go:build integration

package faults_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/test/hosts"
	"github.com/signalcast/signalcast/test/rediscluster"
)

// hostCluster is a Redis Cluster of three masters, every node on a host of its own.
type hostCluster struct {
	redisCluster

	addrs []string
}

// newHostCluster starts a cluster. The names of its hosts begin with name. The nodes after the first three are replicas.
func newHostCluster(t *testing.T, n *hosts.Network, name string, nodes int, options ...string) *hostCluster {
	t.Helper()
	c := &hostCluster{}
	for i := range nodes {
		h := n.Add(t, fmt.Sprint(name, "-", i))
		s, client := startHostRedis(t, h, nil, append([]string{"--set", "cluster-enabled yes", "--set", "cluster-port 16379"}, options...)...)
		c.servers, c.clients, c.addrs = append(c.servers, s), append(c.clients, client), append(c.addrs, h.Addr+":6379")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	c.ids, err = rediscluster.Form(ctx, c.clients, 3)
	require.NoError(t, err)
	return c
}

// streamOf returns the name of a stream that belongs to a master in a new cluster. The result begins with name.
func (c *hostCluster) streamOf(t testing.TB, master int, name string) string {
	t.Helper()
	for i := 0; ; i++ {
		if stream := fmt.Sprint(name, "-", i); c.ownerOf(t, stream) == master {
			return stream
		}
	}
}

// targets returns a backend and a relay, which write to streams of the first master. The healthy messages go to the other masters.
func (c *hostCluster) targets(t testing.TB) []hostTarget {
	t.Helper()
	var healthy []*signalcast.Message
	for master := 1; master < 3; master++ {
		m := kafkatest.Numbered(c.streamOf(t, master, "healthy"), 1, master)
		m.Event.ContentType = "application/avro"
		healthy = append(healthy, m)
	}
	direct := redisTarget(c.config(1), func(t testing.TB, topic string) *goredis.Client {
		t.Helper()
		master, err := c.masterOf(topic)
		require.NoError(t, err)
		return c.clients[master]
	})
	direct.healthy = healthy
	direct.topic = func(t testing.TB, name string) string {
		t.Helper()
		return c.streamOf(t, 0, name)
	}
	relay := direct
	relay.client, relay.relays = "relay, redis", true
	return []hostTarget{direct, relay}
}

func (c *hostCluster) config(replicas int) redis.Config {
	return hostRedis(redis.Config{Addrs: c.addrs, Replicas: replicas})
}

// startHostCluster starts a cluster whose masters have one replica each. The backend waits for one replica, unless a scenario
// replaces it.
func startHostCluster(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	c := newHostCluster(t, n, "redis", 6, "--set", "cluster-node-timeout 2000", "--set", "cluster-require-full-coverage no")
	isolate := c.replaceMaster(func(s *server) error { return n.Isolate(s.host) }, func(s *server) error { return n.Rejoin(s.host) })
	atMaster := func(inject func(master hosts.Host) error) func(string) error {
		return func(stream string) error {
			master, err := c.masterOf(stream)
			if err != nil {
				return err
			}
			return inject(c.servers[master].host)
		}
	}
	return c.targets(t), []hostScenario{{
		name: "isolated", fault: "host of the master unreachable until its replica was promoted", load: 20 * time.Second, short: true,
		inject: isolate,
	}, {
		name: "isolated unconfirmed", fault: "host of the master unreachable until its replica was promoted; without `Replicas`", load: 20 * time.Second, loses: true,
		open: redisOpener(c.config(0)), inject: isolate,
	}, {
		name: "half open", fault: "packets between the client and the master dropped for 6 s, without a reset", load: 12 * time.Second,
		inject: atMaster(func(master hosts.Host) error { return dropBetween(n, n.Client, master, 6*time.Second) }),
	}, {
		name: "slow", fault: "50 ms delay each way and 5 % loss between client and master for 10 s", load: 20 * time.Second,
		inject: atMaster(func(master hosts.Host) error { return slowBetween(n, n.Client, master) }),
	}, {
		name: "slots moved", fault: "slot of the stream moved to another master, with the stream, 6 times in 6 s", load: 12 * time.Second,
		inject: func(stream string) (err error) {
			for range 6 {
				err = errors.Join(err, c.moveSlot(stream))
				<-time.After(time.Second)
			}
			return err
		},
	}}
}
