//go:build integration

package postgres_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
)

// patience bounds each wait for a condition.
const patience = 30 * time.Second

func address(t testing.TB) string {
	t.Helper()
	url := os.Getenv("SIGNALCAST_TEST_POSTGRES")
	require.NotEmpty(t, url, "SIGNALCAST_TEST_POSTGRES is not set; see test/README.md")
	return url
}

// newPool returns a pool of connections.
func newPool(t testing.TB, change ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(address(t))
	require.NoError(t, err)
	config.MaxConns = 12
	for _, f := range change {
		f(config)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// tableName returns the name of a table that no other test uses.
func tableName() string {
	id := signalcast.NewUUID()
	return "t" + strings.ReplaceAll(id.String(), "-", "")
}

// newStore returns a store with tables of its own.
func newStore(t testing.TB, change ...func(*postgres.Config)) *postgres.Store {
	t.Helper()
	c := postgres.Config{Table: tableName()}
	for _, f := range change {
		f(&c)
	}
	if c.Pool == nil {
		c.Pool = newPool(t)
	}
	s, err := postgres.New(c)
	require.NoError(t, err)
	require.NoError(t, s.Migrate(context.Background()))
	t.Cleanup(func() {
		s.Close()
		if c.Pool.Config().ConnConfig.Port != newPool(t).Config().ConnConfig.Port {
			return // of a server that the test stops
		}
		admin := newPool(t)
		for _, suffix := range []string{"", "_schemas", "_lease", "_version"} {
			exec(t, admin, "drop table if exists "+c.Table+suffix)
		}
	})
	return s
}

type executor interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func exec(t testing.TB, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	_, err := pool.Exec(context.Background(), sql, args...)
	require.NoError(t, err)
}

func query[T any](t testing.TB, e executor, sql string, args ...any) T {
	t.Helper()
	var result T
	require.NoError(t, e.QueryRow(context.Background(), sql, args...).Scan(&result))
	return result
}

type order struct {
	Customer string `avro:"customer"`
	Number   int64  `avro:"number"`
}

// shop sends orders on one route of mode outbox, and one of mode on-commit.
type shop struct {
	pool     *pgxpool.Pool
	table    string
	store    *postgres.Store
	registry *signalcast.Registry
	placed   *signalcast.Signal[order]
	seen     *signalcast.Signal[order]
	backend  *memory.Backend
}

func newShop(t testing.TB, change ...func(*postgres.Config)) *shop {
	t.Helper()
	s := &shop{
		table: tableName(), registry: signalcast.NewRegistry(), backend: memory.New(),
		placed: signalcast.NewSignal[order]("org.example.order.placed.v1"),
		seen:   signalcast.NewSignal[order]("org.example.order.seen.v1"),
	}
	s.store = newStore(t, append([]func(*postgres.Config){func(c *postgres.Config) {
		s.pool = newPool(t)
		c.Table, c.Pool = s.table, s.pool
	}}, change...)...)
	require.NoError(t, s.registry.Register(s.placed, s.seen))
	s.dispatch(t, s.store)
	return s
}

// newShopOn returns a shop on a server of its own.
func newShopOn(t testing.TB, pool *pgxpool.Pool) *shop {
	t.Helper()
	return newShop(t, func(c *postgres.Config) { c.Pool = pool })
}

func (s *shop) dispatch(t testing.TB, store signalcast.Outbox) {
	t.Helper()
	config := signalcast.ProducerConfig{
		s.placed.EventType(): {"orders": {EventKeyField: new("customer"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)}},
		s.seen.EventType():   {"seen": {EventKeyField: new("customer"), Enabled: new(true)}},
	}
	d, err := signalcast.NewDispatcher(context.Background(), s.registry, config, s.backend, signalcast.WithOutbox(store))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close(context.Background())) })
}

func (s *shop) send(ctx context.Context, customer string, number int64) error {
	return s.placed.Send(ctx, s.registry, order{customer, number})
}

// stored returns the orders in the table, in the order of their sequences.
func (s *shop) stored(t testing.TB) []string {
	t.Helper()
	return ordersOf(t, list(t, s.store))
}

func ordersOf(t testing.TB, rows []outbox.Row) []string {
	t.Helper()
	var orders []string
	for _, row := range rows {
		require.NoError(t, row.Err)
		orders = append(orders, orderOf(row.Message.Event.Value))
	}
	return orders
}

// orderOf decodes an order from Avro.
func orderOf(value []byte) string {
	length, n := binary.Varint(value)
	number, _ := binary.Varint(value[n+int(length):])
	return fmt.Sprintf("%s %d", value[n:n+int(length)], number)
}

func list(t testing.TB, s *postgres.Store) []outbox.Row {
	t.Helper()
	rows, err := s.List(context.Background(), outbox.Filter{Pending: true})
	require.NoError(t, err)
	return rows
}

func fetch(t testing.TB, r outbox.Reader, limit int) []outbox.Row {
	t.Helper()
	rows, err := r.Fetch(context.Background(), limit)
	require.NoError(t, err)
	return rows
}

func newReader(t testing.TB, s *postgres.Store) outbox.Reader {
	t.Helper()
	r := s.NewReader()
	t.Cleanup(r.Close)
	return r
}

// message returns a message with a key.
func message(topic, key, value string) *signalcast.Message {
	return &signalcast.Message{Topic: topic, Key: []byte(key), Event: &signalcast.Envelope{
		Metadata: signalcast.Metadata{
			ID: signalcast.NewUUID(), EventType: "org.example.thing.done.v1", Source: "example/service", SourceHost: "host",
			Time: time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC), SourceLib: "1.2.3",
		},
		Value: []byte(value), ContentType: "application/json",
	}}
}

func sequences(rows []outbox.Row) []int64 {
	var all []int64
	for _, row := range rows {
		all = append(all, row.Sequence)
	}
	return all
}

func values(rows []outbox.Row) []string {
	var all []string
	for _, row := range rows {
		all = append(all, string(row.Message.Event.Value))
	}
	return all
}

// eventually waits for a condition.
func eventually(t testing.TB, condition func() bool, args ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, 2*time.Millisecond, args...)
}
