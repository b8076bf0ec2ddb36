//go:build integration

package consume_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafka"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/programs"
)

var (
	attacks = flag.Int("attacks", 2, "the number of attacks of each kind")
	page    = flag.String("write", "", "write the results into this page")
)

// outcome is the result of the attacks on the consumers of one bus.
type outcome struct {
	bus                                        string
	attacks, restarts                          int
	published, again, againByRestart, disorder int
	lost                                       int
}

//nolint:paralleltest // the tests share a database
func TestNothingIsLostWhateverIsKilled(t *testing.T) {
	postgres := programs.StartServer(t, "postgres.sh", "consume/postgres")
	address := postgres.Env(t, "POSTGRES")
	var results []outcome
	t.Run("Redis", func(t *testing.T) {
		server := programs.StartServer(t, "redis.sh", "consume/redis", "--fsync", "always")
		url := server.Env(t, "REDIS_URL")
		backend, err := redisbus.New(redisbus.Config{URL: url, MaxLen: -1})
		require.NoError(t, err)
		results = append(results, attack(t, "redis", address, backend, killed(server), redisVariable+"="+url))
	})
	t.Run("Redis Cluster", func(t *testing.T) {
		c := startCluster(t)
		// a delivered event is on a replica, so that it is not lost with its master
		backend, err := redisbus.New(redisbus.Config{Addrs: c.addrs, MaxLen: -1, Replicas: 1})
		require.NoError(t, err)
		r := attack(t, "redis", address, backend, map[string]func() error{"master killed": c.killMaster, "slot moved": c.moveSlot},
			clusterVariable+"="+strings.Join(c.addrs, ","))
		r.bus = "redis cluster"
		results = append(results, r)
	})
	t.Run("Kafka", func(t *testing.T) {
		server := programs.StartServer(t, "kafka.sh", "consume/kafka", "--set", "num.partitions=6")
		registry := programs.StartServer(t, "registry.sh", "consume/registry")
		brokers, url := server.Env(t, "KAFKA_BROKERS"), registry.Env(t, "REGISTRY_URL")
		backend, err := kafka.New(kafka.Config{Brokers: []string{brokers}, SchemaRegistry: url})
		require.NoError(t, err)
		results = append(results, attack(t, "kafka", address, backend, killed(server), brokersVariable+"="+brokers, registryVariable+"="+url))
	})
	for _, r := range results {
		t.Logf("%+v", r)
	}
	if *page != "" && !t.Failed() {
		writeResults(t, *page, results)
	}
}

func killed(broker *programs.Server) map[string]func() error {
	return map[string]func() error{"broker killed": func() error { return broker.Kill(100 * time.Millisecond) }}
}

// attack runs three members, first restarts them in turn, and then attacks them and the broker.
func attack(t *testing.T, bus, address string, backend signalcast.Backend, broker map[string]func() error, env ...string) outcome {
	pool, err := pgxpool.New(t.Context(), address)
	require.NoError(t, err)
	defer pool.Close()
	for _, text := range []string{
		`drop table if exists attempts, effects`,
		`create table attempts (id text, member int)`,
		`create table effects (seq bigserial, id text primary key, key bigint, n bigint)`,
	} {
		_, err := pool.Exec(t.Context(), text)
		require.NoError(t, err)
	}
	env = append(env, busVariable+"="+bus, databaseVariable+"="+address, groupVariable+"=group")
	result := outcome{bus: bus}
	published, stop := publish(t, backend)
	var members []*programs.Program
	for range 3 {
		members = append(members, programs.Start(t, env...))
	}
	effects := func() int { return count(t, pool, `select count(*) from effects`) }
	requireProgress(t, effects)
	for range *attacks {
		for _, m := range members { // a rolling restart
			require.NoError(t, m.Restart())
			requireProgress(t, effects)
			result.restarts++
		}
	}
	const repeated = `select count(*) - count(distinct id) from attempts`
	result.againByRestart = count(t, pool, repeated)

	kinds := map[string]func() error{
		"member killed":  func() error { return members[rand.N(len(members))].Replace() },
		"member stopped": func() error { return members[rand.N(len(members))].Suspend(4 * time.Second) },
	}
	maps.Copy(kinds, broker)
	for range *attacks {
		for kind, f := range kinds { // in random order
			programs.Pause(t.Context(), rand.N(time.Second))
			require.NoError(t, f(), kind)
			requireProgress(t, effects)
			result.attacks++
		}
	}
	stop()
	require.Eventually(t, func() bool { return effects() >= int(published.Load()) }, time.Minute, 100*time.Millisecond,
		"published %d events; the others have no effect", published.Load())
	for _, m := range members {
		m.Stop()
	}
	result.published = int(published.Load())
	result.lost = result.published - effects()
	result.again = count(t, pool, repeated) - result.againByRestart
	result.disorder = count(t, pool, `select count(*) from (select n, row_number() over (partition by key order by seq) as place from effects) as e where n <> place`)
	require.Zero(t, result.lost)
	require.Zero(t, result.disorder, "first handled out of order")
	require.Zero(t, result.againByRestart, "handled again after a restart")
	return result
}

// publish sends events until stop is called. Each event was acknowledged before the next one of its key.
func publish(t *testing.T, backend signalcast.Backend) (published *atomic.Int64, stop func()) {
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(counterChanged))
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, producers(), backend)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	published = new(atomic.Int64)
	ended := make(chan error, 1)
	go func() {
		var err error
		for n := int64(1); ctx.Err() == nil && err == nil; n++ {
			for key := range int64(keys) {
				// an event that is sent counts, whatever happens to ctx
				if err = counterChanged.Send(context.WithoutCancel(ctx), registry, changed{Key: key, N: n}); err != nil {
					break
				}
				published.Add(1)
			}
			programs.Pause(ctx, 10*time.Millisecond)
		}
		ended <- err
	}()
	return published, func() {
		cancel()
		require.NoError(t, <-ended)
		require.NoError(t, dispatcher.Close(t.Context()))
	}
}

// requireProgress waits until more events have an effect.
func requireProgress(t *testing.T, effects func() int) {
	before := effects()
	require.Eventually(t, func() bool { return effects() > before+keys }, time.Minute, 20*time.Millisecond, "no event is handled any more")
}

func count(t *testing.T, pool *pgxpool.Pool, query string) (n int) {
	require.NoError(t, pool.QueryRow(t.Context(), query).Scan(&n))
	return n
}

// writeResults replaces the table of results in a page.
func writeResults(t *testing.T, page string, results []outcome) {
	path := filepath.Join("..", "..", page)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	const head = "| bus | events | restarts | repeated by restarts | attacks | repeated by attacks | lost | first handled out of order |\n|---|--:|--:|--:|--:|--:|--:|--:|\n"
	before, after, found := strings.Cut(string(text), head)
	require.True(t, found)
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	var table strings.Builder
	for _, r := range results {
		fmt.Fprintf(&table, "| %s | %d | %d | %d | %d | %d | %d | %d |\n",
			r.bus, r.published, r.restarts, r.againByRestart, r.attacks, r.again, r.lost, r.disorder)
	}
	require.NoError(t, os.WriteFile(path, []byte(before+head+table.String()+after), 0o600))
}
