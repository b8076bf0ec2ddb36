package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

// dsn names a database file. Connections wait for the write lock.
func dsn(file string, pragmas ...string) string {
	name := "file:" + file + "?_pragma=busy_timeout(20000)"
	var nameSb22 strings.Builder
	for _, p := range pragmas {
		nameSb22.WriteString("&_pragma=" + p)
	}
	name += nameSb22.String()
	return name
}

func openPragma(t testing.TB, file, pragma string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(file, pragma, "synchronous(OFF)"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newStore(t testing.TB, db *sql.DB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.New(sqlite.Config{DB: db})
	require.NoError(t, err)
	return s
}

// newQuietStore returns a store that does not poll, so that only its own commits end Wait.
func newQuietStore(t testing.TB, db *sql.DB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.New(sqlite.Config{DB: db, Poll: time.Hour})
	require.NoError(t, err)
	return s
}

// open returns a migrated store in a new database.
func open(t testing.TB) (*sqlite.Store, *sql.DB) {
	t.Helper()
	db := openPragma(t, filepath.Join(t.TempDir(), "shop.db"), "journal_mode(WAL)")
	s := newQuietStore(t, db)
	require.NoError(t, s.Migrate(t.Context()))
	return s, db
}

const orderPlaced = "org.example.order.placed.v1"

type order struct {
	Number string `avro:"number"`
	Note   string `avro:"note"`
}

// service sends orders in mode outbox to the topic "orders", and in mode on-commit to the topic "news".
type service struct {
	*sqlite.Store

	db       *sql.DB
	registry *signalcast.Registry
	placed   *signalcast.Signal[order]
	backend  *memory.Backend
}

func openService(t testing.TB) *service {
	t.Helper()
	store, db := open(t)
	return newService(t, store, db)
}

func newService(t testing.TB, store *sqlite.Store, db *sql.DB) *service {
	t.Helper()
	topic := func(m signalcast.Mode) signalcast.TopicConfig {
		return signalcast.TopicConfig{EventKeyField: new("number"), Enabled: new(true), Mode: &m}
	}
	return serve(t, store, db, map[string]signalcast.TopicConfig{"orders": topic(signalcast.ModeOutbox), "news": topic(signalcast.ModeOnCommit)})
}

func serve(t testing.TB, store *sqlite.Store, db *sql.DB, topics map[string]signalcast.TopicConfig) *service {
	t.Helper()
	s := &service{store, db, signalcast.NewRegistry(), signalcast.NewSignal[order](orderPlaced), memory.New()}
	require.NoError(t, s.registry.Register(s.placed))
	_, err := db.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0)")
	require.NoError(t, err)
	config := signalcast.ProducerConfig{orderPlaced: topics}
	d, err := signalcast.NewDispatcher(t.Context(), s.registry, config, s.backend, signalcast.WithOutbox(store))
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return s
}

// place inserts an order and sends its event.
func (s *service) place(ctx context.Context, tx *sql.Tx, number string) (*signalcast.Delivery, error) {
	if _, err := tx.ExecContext(ctx, "INSERT INTO orders (number) VALUES (?)", number); err != nil {
		return nil, err
	}
	return s.placed.SendAsync(ctx, s.registry, order{Number: number})
}

// requireOrders compares the orders in the database, the rows of the outbox, and the messages that were
// published, with the orders that must have been committed.
func (s *service) requireOrders(t *testing.T, want ...string) {
	t.Helper()
	require.Equal(t, want, s.numbers(t), "the table of orders")
	require.Equal(t, want, s.keys(t), "the outbox")
	var published []string
	for _, m := range s.backend.Messages() {
		published = append(published, string(m.Key))
	}
	require.Len(t, published, len(want), "the messages published after the commit")
}

func (s *service) numbers(t *testing.T) []string {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), "SELECT number FROM orders ORDER BY rowid")
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var numbers []string
	for rows.Next() {
		var n string
		require.NoError(t, rows.Scan(&n))
		numbers = append(numbers, n)
	}
	require.NoError(t, rows.Err())
	return numbers
}

// keys returns the orders whose events are in the outbox. The key in Avro begins with its length.
func (s *service) keys(t *testing.T) []string {
	t.Helper()
	rows, err := s.List(t.Context(), outbox.Filter{Pending: true})
	require.NoError(t, err)
	var keys []string
	for _, r := range rows {
		require.NoError(t, r.Err)
		keys = append(keys, string(r.Message.Key[1:]))
	}
	return keys
}

// fates returns the errors of the two messages of an event: of the topics news and orders.
func fates(d *signalcast.Delivery) (news, orders error) {
	for _, r := range d.Results() {
		if r.Topic == "news" {
			news = r.Err
		} else {
			orders = r.Err
		}
	}
	return news, orders
}
