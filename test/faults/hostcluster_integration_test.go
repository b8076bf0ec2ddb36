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

// hostCluster is a Redis Cluster of three masters with a replica each, every node on a host of its own.
type hostCluster struct {
	redisCluster

	network *hosts.Network
	addrs   []string
}

func newHostCluster(t *testing.T, n *hosts.Network) *hostCluster {
	t.Helper()
	const masters = 3
	c := &hostCluster{network: n}
	for i := range 2 * masters {
		h := n.Add(t, fmt.Sprint("redis-", i))
		c.servers = append(c.servers, startServerOn(t, &h, "redis.sh", "hosts-"+h.Name, "--port", "6379",
			"--set", "bind 0.0.0.0", "--set", "protected-mode no", "--set", "cluster-enabled yes", "--set", "cluster-node-timeout 2000", "--set", "cluster-port 16379",
			"--set", "cluster-require-full-coverage no"))
		c.addrs = append(c.addrs, h.Addr+":6379")
		c.clients = append(c.clients, redisNode(t, h.Addr+":6379"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var err error
	c.ids, err = rediscluster.Form(ctx, c.clients, masters)
	require.NoError(t, err)
	return c
}

// streamOf returns the name of a stream that a master has when the cluster is new. The result begins with name.
func (c *hostCluster) streamOf(t testing.TB, master int, name string) string {
	t.Helper()
	for i := 0; ; i++ {
		if stream := fmt.Sprint(name, "-", i); c.ownerOf(t, stream) == master {
			return stream
		}
	}
}

// targets returns a backend and a relay that write to streams of the first master. Others publish to both other masters.
func (c *hostCluster) targets(t testing.TB) []hostTarget {
	t.Helper()
	var healthy []*signalcast.Message
	for master := 1; master < 3; master++ {
		m := kafkatest.Numbered(c.streamOf(t, master, "beside"), 1, master)
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

// startHostCluster starts the cluster. The backend waits for one replica, unless a fault says otherwise.
func startHostCluster(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	c := newHostCluster(t, n)
	isolate := c.replaceMaster(func(s *server) error { return n.Isolate(*s.host) }, func(s *server) error { return n.Rejoin(*s.host) })
	ofMaster := func(d time.Duration, begin func(hosts.Host) error, end func(hosts.Host) error) func(string) error {
		return func(stream string) error {
			master, err := c.masterOf(stream)
			if err != nil {
				return err
			}
			h := *c.servers[master].host
			return during(d, func() error { return begin(h) }, func() error { return end(h) })
		}
	}
	here := []hosts.Host{n.Client}
	var heal func() error
	return c.targets(t), []hostScenario{{
		name: "isolated", fault: "host of the master unreachable until its replica was promoted", load: 20 * time.Second, short: true,
		inject: isolate,
	}, {
		name: "isolated unconfirmed", fault: "host of the master unreachable until its replica was promoted; without `Replicas`", load: 20 * time.Second, loses: true,
		open: redisOpener(c.config(0)), inject: isolate,
	}, {
		name: "half open", fault: "packets between the client and the master dropped for 6 s, without a reset", load: 12 * time.Second,
		inject: ofMaster(6*time.Second, func(h hosts.Host) error { return n.Split(here, []hosts.Host{h}) },
			func(h hosts.Host) error { return n.Join(here, []hosts.Host{h}) }),
	}, {
		name: "slow", fault: "50 ms delay each way and 5 % loss between client and master for 10 s", load: 20 * time.Second,
		inject: ofMaster(10*time.Second, func(h hosts.Host) (err error) {
			heal, err = n.Slow(n.Client, h, 50*time.Millisecond, 0.05)
			return err
		}, func(hosts.Host) error { return heal() }),
	}, {
		name: "slots moved", fault: "slot of the stream moved to another master, with the stream, 6 times in 6 s", load: 12 * time.Second,
		inject: func(stream string) (err error) {
			for range 6 {
				err = errors.Join(err, during(time.Second, func() error { return c.moveSlot(stream) }, func() error { return nil }))
			}
			return err
		},
	}}
}
