//go:build integration

package scale_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	consumekafka "github.com/signalcast/signalcast/consume/kafka"
	consumeredis "github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
	"github.com/signalcast/signalcast/test/scale"
)

// openConsumers adds members of a group.
func (h *holder) openConsumers(ctx context.Context, c clients) error {
	for range c.N {
		var source consume.Source
		var err error
		if c.Bus == scale.Redis {
			source, err = consumeredis.New(consumeredis.Config{Server: redis.Config{Addrs: c.Servers}, Group: c.Group, Topics: c.Topics})
		} else {
			source, err = consumekafka.New(consumekafka.Config{
				Config: kafkaconfig.Config{Brokers: c.Servers, SchemaRegistry: c.Registry}, Group: c.Group, Topics: c.Topics, Start: consume.Earliest(),
			})
		}
		if err != nil {
			return err
		}
		registry := signalcast.NewRegistry()
		for i := range c.Topics {
			s := signalcast.NewSignal[placed](eventType(i))
			if err := registry.Register(s); err != nil {
				return err
			}
			if _, err := s.Connect(registry, func(context.Context, signalcast.Event[placed]) error { return nil }); err != nil {
				return err
			}
		}
		consumer, err := consume.New(registry, source, consume.Config{})
		if err != nil {
			return err
		}
		h.run(ctx, consumer.Run)
	}
	return nil
}

// openRelays adds relays, each with a store of its own in the same database.
func (h *holder) openRelays(ctx context.Context, c clients) error {
	for i := range c.N {
		pool, err := pgxpool.New(ctx, c.Database)
		if err != nil {
			return err
		}
		store, err := postgres.New(postgres.Config{Pool: pool, Table: fmt.Sprint("outbox_", c.First+i)})
		if err != nil {
			return err
		}
		if err := store.Migrate(ctx); err != nil {
			return err
		}
		relay, err := outbox.NewRelay(store, memory.New(), outbox.Config{})
		if err != nil {
			return err
		}
		h.run(ctx, relay.Run)
		h.ends = append(h.ends, store.Close, pool.Close)
	}
	return nil
}

// run calls serve, which returns when ctx ends, in a goroutine that close ends.
func (h *holder) run(ctx context.Context, serve func(context.Context) error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := serve(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	h.ends = append(h.ends, func() { cancel(); <-ended })
}

// cost measures what one more of something costs: the difference between a child with many and a child with few of it, divided by more.
// The children send events at the rate sending until a moment before the measurement.
func cost(t *testing.T, s site, bus, of string, more int, few, many clients, sending float64) scale.Cost {
	t.Helper()
	const settling, idling = 3, 12
	measure := func(c clients) (usage answer, connections, requests, cpu float64) {
		ch := startChild(t)
		defer ch.stop()
		before := connectionsOf(s.count(t))
		ch.do(order{Open: &c})
		if sending > 0 {
			ch.do(order{Load: &load{sending, 3}})
		}
		pause(t, settling)
		connections = float64(connectionsOf(s.count(t)) - before)
		b := &bench{site: s, child: ch}
		requests, cpu, _ = b.idle(t, idling)
		return ch.usage(), connections, requests, cpu
	}
	a0, connections0, requests0, cpu0 := measure(few)
	a1, connections1, requests1, cpu1 := measure(many)
	n := float64(more)
	c := scale.Cost{
		Run: thisRun(t), Bus: bus, Of: of, More: more,
		Connections: (connections1 - connections0) / n, Goroutines: float64(a1.Goroutines-a0.Goroutines) / n,
		Descriptors: float64(a1.Descriptors-a0.Descriptors) / n, Heap: (float64(a1.Heap) - float64(a0.Heap)) / n,
		Stacks: (float64(a1.Stacks) - float64(a0.Stacks)) / n, IdleRequests: (requests1 - requests0) / n, IdleCPU: (cpu1 - cpu0) / n,
	}
	t.Logf("%+v", c)
	return c
}

func connectionsOf(c count) int {
	sum := 0
	for _, n := range c.connections {
		sum += n
	}
	return sum
}

const (
	redisCosts = "redis-costs"
	kafkaCosts = "kafka-costs"
	relayCosts = "relay-costs"
)

func costs() []string { return []string{redisCosts, kafkaCosts, relayCosts} }

// measureCosts measures the costs of topics, partitions, consumers and relays, and starts. It passes each result to keep or start.
func measureCosts(t *testing.T, selected func(string) bool, keep func(scale.Cost), start func(scale.Start)) {
	t.Helper()
	part := func(name string, measure func(*testing.T)) {
		if selected(name) {
			t.Run(name, measure)
		}
	}
	part(redisCosts, func(t *testing.T) {
		s := startRedisCluster(t, 3)
		producer := s.clients(t, 103)
		producer.Kind, producer.Bus, producer.N = "producers", scale.Redis, 1
		few := producer
		few.Topics = producer.Topics[:3]
		keep(cost(t, s, scale.Redis, "topic", 100, few, producer, 1000))
		consumers := s.clients(t, 3)
		consumers.Kind, consumers.Bus, consumers.N, consumers.Group = "consumers", scale.Redis, 11, "group"
		few = consumers
		few.N = 1
		keep(cost(t, s, scale.Redis, "consumer", 10, few, consumers, 0))
		streams := s.clients(t, 33)
		streams.Kind, streams.Bus, streams.N, streams.Group = "consumers", scale.Redis, 1, "streams"
		few = streams
		few.Topics = streams.Topics[:3]
		keep(cost(t, s, scale.Redis, "stream of a consumer", 30, few, streams, 0))
	})
	part(kafkaCosts, func(t *testing.T) {
		s := startBrokers(t, 2)
		for _, bus := range []string{scale.Kafka, scale.Franz} {
			producer := s.clients(t, 33)
			producer.Kind, producer.Bus, producer.N = "producers", bus, 1
			few := producer
			few.Topics = producer.Topics[:3]
			keep(cost(t, s, bus, "topic", 30, few, producer, 1000))
			s.partitions = 62
			wide := s.clients(t, 1)
			s.partitions = 2
			wide.Kind, wide.Bus, wide.N = "producers", bus, 1
			few = wide
			few.Topics = s.clients(t, 1).Topics
			keep(cost(t, s, bus, "partition", 60, few, wide, 1000))
		}
		s.partitions = 12
		consumers := s.clients(t, 1)
		consumers.Kind, consumers.Bus, consumers.N, consumers.Group = "consumers", scale.Kafka, 11, "group"
		few := consumers
		few.N = 1
		keep(cost(t, s, scale.Kafka, "consumer", 10, few, consumers, 0))
		s.partitions = 2
		for _, n := range []int{1, 100, 500} {
			start(measureStart(t, s, n))
		}
	})
	part(relayCosts, func(t *testing.T) {
		s := startPostgres(t)
		relays := clients{Kind: "relays", Database: s.url, N: 11}
		few := relays
		few.N = 1
		keep(cost(t, s, "postgres", "relay", 10, few, relays, 0))
	})
}

// measureStart starts producers at the same moment, whose schemas the registry knows.
func measureStart(t *testing.T, s *brokers, producers int) scale.Start {
	t.Helper()
	c := s.clients(t, 3)
	c.Kind, c.Bus, c.N = "producers", scale.Kafka, 1
	first := startChild(t)
	first.do(order{Open: &c})
	first.stop()
	ch := startChild(t)
	defer ch.stop()
	ch.usage()
	s.registry.mu.Lock()
	s.registry.most = s.registry.open
	s.registry.mu.Unlock()
	requests, cpu, began := s.registry.requests.Load(), processorTime(t, s.registry.server.pid), time.Now()
	c.N = producers
	ch.do(order{Open: &c})
	found := scale.Start{
		Run: thisRun(t), Bus: scale.Kafka, Producers: producers, Seconds: time.Since(began).Seconds(),
		Requests: int(s.registry.requests.Load() - requests), RegistryCPU: processorTime(t, s.registry.server.pid) - cpu,
	}
	s.registry.mu.Lock()
	found.Connections = s.registry.most
	s.registry.mu.Unlock()
	t.Logf("%+v", found)
	return found
}

// database is a PostgreSQL server.
type database struct {
	server *server
	url    string
	conn   *pgx.Conn
}

func startPostgres(t *testing.T) *database {
	t.Helper()
	d := &database{server: startServer(t, "postgres.sh", "postgres", "--set", "max_connections = 200")}
	address, err := d.server.Run("url")
	require.NoError(t, err)
	d.url = strings.TrimSpace(address)
	d.conn, err = pgx.Connect(t.Context(), d.url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.conn.Close(context.WithoutCancel(t.Context())) })
	return d
}

// count counts transactions as requests.
func (d *database) count(t *testing.T) count {
	t.Helper()
	_, err := d.conn.Exec(t.Context(), `select pg_stat_clear_snapshot()`)
	require.NoError(t, err)
	var c count
	var connections int
	require.NoError(t, d.conn.QueryRow(t.Context(), `select xact_commit from pg_stat_database where datname = current_database()`).Scan(&c.requests))
	require.NoError(t, d.conn.QueryRow(t.Context(), `select count(*) - 1 from pg_stat_activity where backend_type = 'client backend'`).Scan(&connections))
	c.connections = []int{connections}
	return c
}

func (d *database) clients(*testing.T, int) clients { return clients{Database: d.url} }
