package postgres

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

var _ outbox.Store = (*Store)(nil)

// Store is an [outbox.Store] in a PostgreSQL database. It is safe for concurrent use.
type Store struct {
	pool    *pgxpool.Pool
	config  Config
	logger  *slog.Logger // never nil
	names   names
	sql     statements
	schemas schemas
	wakeups wakeups
	notify  *notifier // nil unless Config.Notify
}

// statements are the statements that are used often, with the names of the tables.
type statements struct {
	lock, insertSchemas, insert           string // the arguments are arrays
	insertRow                             string
	lockSQL, insertSchemasSQL, insertSQL  string // the argument is text, for database/sql
	fetch, fetchGaps, lane, last, writers string
	remaining, delete, record             string
}

// New returns a store. It does not use the database. The caller closes the store after the dispatchers
// and relays that use it.
func New(c Config) (*Store, error) {
	if c.Pool == nil {
		return nil, &ConfigError{"Pool", "found nil", "a pool"}
	}
	n, err := newNames(c.Table)
	if err != nil {
		return nil, err
	}
	s := &Store{pool: c.Pool, config: c, names: n, logger: c.Logger}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.sql = newStatements(n, c.Concurrent)
	if c.Notify {
		s.notify = startNotifier(c.Pool, n.sql(notifySQL))
	}
	return s, nil
}

// Close ends the goroutines of the store and of its readers, and waits for them. It does not close the
// pool.
func (s *Store) Close() {
	if s.notify != nil {
		s.notify.close()
	}
	s.wakeups.closeReaders()
}

// Insert stores messages in one transaction of its own, with one round trip.
func (s *Store) Insert(ctx context.Context, messages []*signalcast.Message) error {
	if len(messages) == 0 {
		return nil
	}
	w, err := s.newWrite(messages)
	if err != nil {
		return err
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return s.fail("acquire a connection", err)
	}
	batch := &pgx.Batch{}
	batch.Queue("begin")
	w.queue(batch)
	err = s.commit(ctx, conn.Conn(), batch)
	if err != nil {
		rollback(ctx, conn.Conn())
	}
	conn.Release()
	if err == nil {
		s.committed(w)
	}
	return err
}

// committed notes that a transaction is visible to readers.
func (s *Store) committed(w *write) {
	if w == nil {
		return
	}
	s.schemas.known(w.schemas)
	s.wakeups.wake()
	if s.notify != nil {
		s.notify.request()
	}
}
