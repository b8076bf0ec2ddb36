package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// Store is an [outbox.Store] in SQLite. Its methods are safe for concurrent use.
type Store struct {
	db     *sql.DB
	poll   time.Duration
	logger *slog.Logger
	tables tables
	sql    statements

	schemas schemaCache
	// Prepare sets them. They belong to db.
	insertStmt, lockStmt atomic.Pointer[sql.Stmt]

	mu      sync.Mutex
	readers map[*reader]struct{} // those that are open
}

var _ outbox.Store = (*Store)(nil)

// tables are names of tables.
type tables struct{ rows, schemas, lease, migrations string }

// New returns a store in the database c.DB. It creates no tables: call Migrate once, for example with the
// command "signalcast outbox migrate".
//
// New returns a [*ConfigError] for each invalid field, joined, and a [*VersionError] if the SQLite library is older than
// 3.42.0, or older than 3.51.3 with the journal mode WAL.
func New(c Config) (*Store, error) {
	c, err := c.complete()
	if err != nil {
		return nil, err
	}
	s := &Store{
		db: c.DB, poll: c.Poll, logger: c.Logger,
		tables:  tables{c.Table, c.Table + "_schemas", c.Table + "_lease", c.Table + "_migrations"},
		readers: map[*reader]struct{}{},
	}
	s.sql = newStatements(s.tables)
	if err := s.checkVersion(context.Background()); err != nil {
		return nil, err
	}
	return s, nil
}

// Prepare checks the version of SQLite and of the tables. It also checks that the database can be written,
// by storing the schemas of routes.
//
// The error is an [*outbox.SchemaError] if the tables are missing or have another version, and a
// [*VersionError] if SQLite is too old.
func (s *Store) Prepare(ctx context.Context, routes []signalcast.Route) error {
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	if err := s.checkTables(ctx); err != nil {
		return err
	}
	var schemas []*signalcast.Schema
	for _, r := range routes {
		schemas = append(schemas, r.KeySchema, r.ValueSchema)
	}
	err := s.write(ctx, func(tx *sql.Tx) error { return s.schemas.insert(ctx, tx, s.sql.insertSchema, schemas) })
	if err != nil {
		return fmt.Errorf("sqlite: prepare: %w", err)
	}
	s.schemas.committed(schemas)
	if err := s.prepareStatements(ctx); err != nil {
		return fmt.Errorf("sqlite: prepare: %w", err)
	}
	return nil
}

// prepareStatements prepares the statements of each transaction, which need the tables.
func (s *Store) prepareStatements(ctx context.Context) error {
	for text, to := range map[string]*atomic.Pointer[sql.Stmt]{s.sql.insert: &s.insertStmt, s.sql.lock: &s.lockStmt} {
		if to.Load() != nil {
			continue
		}
		stmt, err := s.db.PrepareContext(ctx, text)
		if err != nil {
			return err //nolint:wrapcheck // Prepare does
		}
		if !to.CompareAndSwap(nil, stmt) {
			_ = stmt.Close()
		}
	}
	return nil
}

// statement returns a statement in tx, prepared already if there is one of the same database. The
// caller closes it.
func statement(ctx context.Context, tx *sql.Tx, prepared *sql.Stmt, text string) (*sql.Stmt, error) {
	if prepared != nil {
		return tx.StmtContext(ctx, prepared), nil
	}
	return tx.PrepareContext(ctx, text) //nolint:wrapcheck // the caller does
}

// Insert stores messages in one transaction of its own.
func (s *Store) Insert(ctx context.Context, messages []*signalcast.Message) error {
	if len(messages) == 0 {
		return nil
	}
	err := s.write(ctx, func(tx *sql.Tx) error { return s.insert(ctx, tx, s.insertStmt.Load(), messages) })
	if err != nil {
		return fmt.Errorf("sqlite: store: %w", err)
	}
	s.inserted(messages)
	return nil
}

// inserted notes that the rows of messages are committed.
func (s *Store) inserted(messages []*signalcast.Message) {
	if len(messages) == 0 {
		return
	}
	for _, m := range messages {
		s.schemas.committed([]*signalcast.Schema{m.KeySchema, m.Event.ValueSchema})
	}
	s.wake()
}

// wake wakes all readers.
func (s *Store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.readers {
		r.wake()
	}
}

// Delete deletes rows that were published.
func (s *Store) Delete(ctx context.Context, sequences []int64) error {
	if len(sequences) == 0 {
		return nil
	}
	if _, err := s.db.ExecContext(ctx, s.sql.delete, list(sequences)); err != nil {
		return fmt.Errorf("sqlite: delete: %w", err)
	}
	return nil
}
