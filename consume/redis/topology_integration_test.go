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

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/rediscluster"
)

// server is a real redis-server of one test.
type server struct {
	*goredis.Client

	dir, port string
}

// startServer starts a server with the options of test/servers/redis.sh.
func startServer(t *testing.T, options ...string) *server {
	t.Helper()
	s := &server{dir: t.TempDir(), port: strconv.Itoa(ports.Pair(t))}
	s.control(t, append([]string{"start", "--port", s.port}, options...)...)
	t.Cleanup(func() { s.control(t, "kill9") })
	s.Client = goredis.NewClient(&goredis.Options{Addr: s.addr()})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *server) addr() string { return "127.0.0.1:" + s.port }

func (s *server) control(t *testing.T, args ...string) {
	t.Helper()
	script := filepath.Join("..", "..", "test", "servers", "redis.sh")
	out, err := exec.CommandContext(context.Background(), "bash", append([]string{script, "--dir", s.dir}, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// is reports whether the server has a role.
func (s *server) is(t *testing.T, role string) bool {
	t.Helper()
	found, _ := s.Do(t.Context(), "ROLE").Slice()
	return len(found) > 0 && found[0] == role
}

// startSentinel starts a Sentinel for the master on a port, and returns its address.
func startSentinel(t *testing.T, master string) string {
	t.Helper()
	port := strconv.Itoa(ports.Pair(t))
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	require.NoError(t, os.WriteFile(config, []byte(strings.Join([]string{
		"port " + port,
		"bind 127.0.0.1",
		"sentinel monitor the-master 127.0.0.1 " + master + " 1",
		"sentinel down-after-milliseconds the-master 1000",
		"sentinel failover-timeout the-master 10000",
	}, "\n")+"\n"), 0o600))
	process := exec.CommandContext(context.Background(), "redis-server", config, "--sentinel")
	require.NoError(t, process.Start())
	t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	return "127.0.0.1:" + port
}

// sender returns the registry of a dispatcher for the servers of c.
func sender(t *testing.T, c redisbus.Config) *signalcast.Registry {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(counterChanged))
	backend, err := redisbus.New(c)
	require.NoError(t, err)
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, producers(), backend)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, dispatcher.Close(ctx))
	})
	return registry
}

// member starts a member of the group on the servers of c.
func startMember(t *testing.T, c redisbus.Config, a *account) *member {
	t.Helper()
	source, err := redis.New(redis.Config{Server: c, Group: "group", Topics: []string{stream}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = source.Close() })
	return run(t, source, a.receive, consume.Config{})
}

// requireInOrder waits until every key has had its events up to n. None is missing, and none came before an earlier one. After an outage,
// events may come again.
func (a *account) requireInOrder(t *testing.T, keys, n int64) {
	t.Helper()
	require.Eventually(t, func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		for key := range keys {
			if a.last[key] != n {
				return false
			}
		}
		return true
	}, 2*patience, 5*time.Millisecond)
	a.mu.Lock()
	defer a.mu.Unlock()
	require.Zero(t, a.gaps, "events came out of order")
}

// Behind Sentinels, a consumer reads from the new master within a few seconds, whether the old one is replaced by an operator or dies.
func TestConsumerFollowsSentinels(t *testing.T) {
	t.Parallel()
	faults := map[string]func(t *testing.T, master *server, sentinel string){
		"replaced": func(t *testing.T, _ *server, sentinel string) {
			control := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel})
			defer func() { _ = control.Close() }()
			require.Eventually(t, func() bool { return control.Failover(t.Context(), "the-master").Err() == nil }, patience, 50*time.Millisecond)
		},
		"killed": func(t *testing.T, master *server, _ string) { master.control(t, "kill9") },
	}
	for name, inject := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const keys = 8
			master := startServer(t)
			replica := startServer(t, "--set", "replicaof 127.0.0.1 "+master.port)
			require.Eventually(t, func() bool {
				info, _ := replica.Info(t.Context(), "replication").Result()
				return strings.Contains(info, "master_link_status:up")
			}, patience, 10*time.Millisecond)
			sentinel := startSentinel(t, master.port)
			require.Eventually(t, func() bool { // it knows the replica
				control := goredis.NewSentinelClient(&goredis.Options{Addr: sentinel})
				defer func() { _ = control.Close() }()
				replicas, _ := control.Replicas(t.Context(), "the-master").Result()
				return len(replicas) == 1
			}, patience, 50*time.Millisecond)
			config := redisbus.Config{Addrs: []string{sentinel}, MasterName: "the-master", ReadTimeout: 2 * time.Second}
			registry := sender(t, config)
			send := func(from, to int64) {
				for n := from; n <= to; n++ {
					for key := range int64(keys) {
						require.NoError(t, counterChanged.Send(t.Context(), registry, changed{key, n}))
					}
				}
			}
			a := newAccount()
			m := startMember(t, config, a)
			send(1, 50)
			a.requireInOrder(t, keys, 50)
			require.NoError(t, master.Wait(t.Context(), 1, patience).Err(), "what is not replicated is lost with the master")

			inject(t, master, sentinel)
			require.Eventually(t, func() bool { return replica.is(t, "master") }, patience, 10*time.Millisecond)
			promoted := time.Now()
			send(51, 100)
			a.requireInOrder(t, keys, 100)
			t.Logf("all handled %v after the promotion", time.Since(promoted).Round(time.Millisecond))
			require.Less(t, time.Since(promoted), 15*time.Second)
			m.stop(t)
			require.Zero(t, m.Stats().Topics[stream].Lost)
		})
	}
}

// A consumer follows its stream to another node of a cluster, also while the slot is migrating.
func TestConsumerFollowsAMigratingSlot(t *testing.T) {
	t.Parallel()
	const keys = 8
	var nodes []*goredis.Client
	for range 2 {
		node := startServer(t, "--set", "cluster-enabled yes", "--set", fmt.Sprintf("cluster-port %d", ports.Pair(t)))
		nodes = append(nodes, node.Client)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ids, err := rediscluster.Form(ctx, nodes, 2)
	require.NoError(t, err)
	config := redisbus.Config{Addrs: []string{nodes[0].Options().Addr, nodes[1].Options().Addr}}
	registry := sender(t, config)
	n := int64(0)
	send := func() {
		for range 20 {
			n++
			for key := range int64(keys) {
				require.NoError(t, counterChanged.Send(t.Context(), registry, changed{key, n}))
			}
		}
	}
	a := newAccount()
	m := startMember(t, config, a)
	send()
	a.requireInOrder(t, keys, n)

	slot, err := nodes[0].ClusterKeySlot(ctx, stream).Result()
	require.NoError(t, err)
	from, to := 0, 1
	if slot >= 16384/2 {
		from, to = 1, 0
	}
	require.NoError(t, nodes[to].Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]).Err())
	require.NoError(t, nodes[from].Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]).Err())
	_, port, _ := strings.Cut(nodes[to].Options().Addr, ":")
	require.Eventually(t, func() bool { // the lease may expire and come back meanwhile
		found, err := nodes[from].ClusterGetKeysInSlot(ctx, int(slot), 10).Result()
		require.NoError(t, err)
		for _, key := range found {
			require.NoError(t, nodes[from].Do(ctx, "MIGRATE", "127.0.0.1", port, key, 0, 10_000, "REPLACE").Err())
		}
		return len(found) == 0
	}, patience, time.Millisecond)
	send()
	a.requireInOrder(t, keys, n) // the slot is not given to the other node yet
	for _, i := range []int{to, from} {
		require.NoError(t, nodes[i].Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]).Err())
	}
	send()
	a.requireInOrder(t, keys, n)
	m.stop(t)
	pending, err := nodes[to].XPending(t.Context(), stream, "group").Result()
	require.NoError(t, err)
	require.Zero(t, pending.Count)
}
