//go:build integration

package consume_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/consume/redis"
)

// The test binary runs as a member of the group if the variable names the bus. Members are killed.
const (
	busVariable      = "SIGNALCAST_TEST_BUS" // redis or kafka
	databaseVariable = "SIGNALCAST_TEST_DATABASE"
	redisVariable    = "SIGNALCAST_TEST_REDIS"
	clusterVariable  = "SIGNALCAST_TEST_CLUSTER" // addresses of nodes
	brokersVariable  = "SIGNALCAST_TEST_BROKERS"
	registryVariable = "SIGNALCAST_TEST_REGISTRY"
	groupVariable    = "SIGNALCAST_TEST_GROUP"
)

// keys is the number of event keys.
const keys = 16

const topic = "changes"

// changed is the data of the event. N counts the events of the key, from 1 on.
type changed struct {
	Key int64 `avro:"key"`
	N   int64 `avro:"n"`
}

var counterChanged = signalcast.NewSignal[changed]("org.example.counter.changed.v1")

func TestMain(m *testing.M) {
	if os.Getenv(busVariable) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	err := runMember(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func producers() signalcast.ProducerConfig {
	return signalcast.ProducerConfig{counterChanged.EventType(): {topic: {EventKeyField: new("key"), Enabled: new(true)}}}
}

func newSource() (consume.Source, error) {
	group := os.Getenv(groupVariable)
	if os.Getenv(busVariable) == "redis" {
		server := redisbus.Config{URL: os.Getenv(redisVariable)}
		if nodes := os.Getenv(clusterVariable); nodes != "" {
			server = redisbus.Config{Addrs: strings.Split(nodes, ",")}
		}
		return redis.New(redis.Config{Server: server, Group: group, Topics: []string{topic}})
	}
	return kafka.New(kafka.Config{
		Config: kafkaconfig.Config{Brokers: []string{os.Getenv(brokersVariable)}, SchemaRegistry: os.Getenv(registryVariable)},
		Group:  group, Topics: []string{topic}, Start: consume.Earliest(), SessionTimeout: 6 * time.Second,
	})
}

// runMember handles events until ctx ends. Each attempt is noted, and the first one has an effect.
func runMember(ctx context.Context) error {
	pool, err := pgxpool.New(context.WithoutCancel(ctx), os.Getenv(databaseVariable))
	if err != nil {
		return err
	}
	defer pool.Close()
	source, err := newSource()
	if err != nil {
		return err
	}
	registry := signalcast.NewRegistry()
	if err := registry.Register(counterChanged); err != nil {
		return err
	}
	if _, err := counterChanged.Connect(registry, func(ctx context.Context, e signalcast.Event[changed]) error {
		return handle(ctx, pool, e)
	}); err != nil {
		return err
	}
	consumer, err := consume.New(registry, source, consume.Config{Keys: producers(), MaxInFlight: 200, Grace: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for {
		if err := checkLedger(consumer.Stats()); err != nil {
			return err
		}
		select {
		case err := <-ended:
			return errors.Join(err, checkLedger(consumer.Stats()))
		case <-ticks.C:
		}
	}
}

// handle notes the attempt, and has an effect for the first one, in one transaction.
func handle(ctx context.Context, pool *pgxpool.Pool, e signalcast.Event[changed]) error {
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, `insert into attempts (id, member) values ($1, $2)`, e.ID.String(), os.Getpid()); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into effects (id, key, n) values ($1, $2, $3) on conflict (id) do nothing`, e.ID.String(), e.Data.Key, e.Data.N)
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// checkLedger reports counts that do not add up.
func checkLedger(s consume.Stats) error {
	for name, c := range s.Topics {
		if c.Received != c.Handled+c.Skipped+c.DeadLettered+c.Dropped+c.Returned+c.Pending {
			return fmt.Errorf("topic %s: found counts that do not add up: %+v", name, c)
		}
		if c.DeadLettered+c.Dropped+c.Skipped > 0 {
			return fmt.Errorf("topic %s: found messages that were not handled: %+v", name, c)
		}
	}
	return nil
}
