//go:build integration

package scale_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/rediscluster"
	"github.com/signalcast/signalcast/test/scale"
)

// count is what servers have counted so far.
type count struct {
	requests    float64 // without events
	writes      float64 // requests with events
	reads       float64 // how often a server read from a connection: once for each request, unless it is large
	cpu         float64 // processor seconds
	connections []int   // of each server, at present
}

// site is a group of servers that clients use.
type site interface {
	count(t *testing.T) count
	// clients returns clients for the given number of topics.
	clients(t *testing.T, topics int) clients
}

// redisCluster is a Redis Cluster of masters.
type redisCluster struct {
	servers []*server
	nodes   []*goredis.Client
	addrs   []string
}

// observer is the name of the connections of the test itself.
const observer = "observer"

func startRedisCluster(t *testing.T, masters int) *redisCluster {
	t.Helper()
	c := &redisCluster{}
	for i := range masters {
		port := ports.Pair(t)
		c.servers = append(c.servers, startServer(t, "redis.sh", fmt.Sprint("redis-", i), "--port", strconv.Itoa(port),
			"--set", "cluster-enabled yes", "--set", fmt.Sprint("cluster-port ", ports.Pair(t))))
		c.addrs = append(c.addrs, fmt.Sprint("127.0.0.1:", port))
		node := goredis.NewClient(&goredis.Options{Addr: c.addrs[i], PoolSize: 1, ConnMaxIdleTime: -1, ClientName: observer})
		t.Cleanup(func() { _ = node.Close() })
		c.nodes = append(c.nodes, node)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := rediscluster.Form(ctx, c.nodes, masters)
	require.NoError(t, err)
	return c
}

// clients returns clients for topics that are spread evenly over the masters.
func (c *redisCluster) clients(t *testing.T, topics int) clients {
	t.Helper()
	const slots = 16384
	found := clients{Bus: scale.Redis, Servers: c.addrs}
	for i := 0; len(found.Topics) < topics; i++ {
		name := fmt.Sprint("orders-", i)
		slot, err := c.nodes[0].ClusterKeySlot(t.Context(), name).Result()
		require.NoError(t, err)
		if int(slot)*len(c.nodes)/slots == len(found.Topics)%len(c.nodes) {
			found.Topics = append(found.Topics, name)
		}
	}
	return found
}

// count counts the commands that carry no events as requests. The child counts those that do.
func (c *redisCluster) count(t *testing.T) count {
	t.Helper()
	var sum count
	for i, node := range c.nodes {
		sum.reads += readsOf(t, node)
		for command, calls := range commandsOf(t, node) {
			switch command {
			case "xadd", "multi", "exec": // of events
			case "info", "client|list": // of the test
				sum.reads -= calls
			default:
				sum.requests += calls
			}
		}
		sum.cpu += processorTime(t, c.servers[i].pid)
		list, err := node.ClientList(t.Context()).Result()
		require.NoError(t, err)
		n := 0
		for line := range strings.Lines(list) {
			if !strings.Contains(line, "name="+observer+" ") {
				n++
			}
		}
		sum.connections = append(sum.connections, n)
	}
	return sum
}

// readsOf returns how often a node has read from a connection.
func readsOf(t *testing.T, node *goredis.Client) float64 {
	t.Helper()
	text, err := node.Info(t.Context(), "stats").Result()
	require.NoError(t, err)
	found := regexp.MustCompile(`total_reads_processed:(\d+)`).FindStringSubmatch(text)
	require.NotNil(t, found)
	reads, err := strconv.ParseFloat(found[1], 64)
	require.NoError(t, err)
	return reads
}

// commandsOf returns how often a node has executed each command.
func commandsOf(t *testing.T, node *goredis.Client) map[string]float64 {
	t.Helper()
	text, err := node.Info(t.Context(), "commandstats").Result()
	require.NoError(t, err)
	found := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":calls=")
		if !ok {
			continue
		}
		value, _, _ = strings.Cut(value, ",")
		calls, err := strconv.ParseFloat(value, 64)
		require.NoError(t, err)
		found[strings.TrimPrefix(name, "cmdstat_")] = calls
	}
	return found
}
