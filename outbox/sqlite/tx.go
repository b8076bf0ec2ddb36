package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"

	"github.com/signalcast/signalcast"
)

// savepoint begins the names of savepoints. A number follows.
const savepoint = "signalcast_outbox_"

// transaction is a transaction with a unit. Contexts carry it.
type transaction struct {
	store  *Store
	tx     *sql.Tx
	unit   *signalcast.Unit
	insert *sql.Stmt // prepared, or nil
	depth  int       // the number of savepoints
	failed error     // the transaction must not be committed
}

type transactionKey struct{}

// InTx calls f in a transaction and commits it if f returns nil. Events that are sent with the context of f
// belong to the transaction. f must not commit or roll back tx, and must not use it after it has returned.
//
// The transaction has the write lock of the database from the beginning, as after BEGIN IMMEDIATE, with every driver.
// So only BEGIN can fail with SQLITE_BUSY, and without WAL also COMMIT: then the caller may run f again. In f, events
// must be sent and the database must be changed with the context and the transaction of f. Any other write waits for
// the lock.
//
// If f returns an error, InTx rolls back and returns that error unchanged. If f panics, InTx rolls
// back and the panic continues. Errors of BEGIN and COMMIT are returned unchanged too, unless it is unknown whether the
// transaction was committed: then the error wraps [signalcast.ErrCommitUnknown]. With any other error, nothing was
// committed. InTx does not wait for messages that are published after the commit.
//
// SQLite rolls back a transaction by itself after some errors, such as a full disk or a statement interrupted by its
// context. If f ignores such an error, InTx returns an error.
//
// With the context of another InTx of the store, InTx makes a savepoint instead, and rolls back to it
// if f fails. Such calls must not be concurrent.
func (s *Store) InTx(ctx context.Context, f func(ctx context.Context, tx *sql.Tx) error) error {
	if outer, ok := ctx.Value(transactionKey{}).(*transaction); ok && outer.store == s {
		return outer.nested(ctx, f)
	}
	t := &transaction{store: s, insert: s.insertStmt.Load()}
	unitCtx, unit := signalcast.NewUnit(ctx, s)
	t.unit = unit
	ended := signalcast.ErrRolledBack
	defer func() { _ = unit.End(ended) }() // also if f panics
	var messages []*signalcast.Message
	written := false
	err := s.write(ctx, func(tx *sql.Tx) error {
		t.tx = tx
		if err := t.begin(ctx); err != nil {
			return err
		}
		if err := f(context.WithValue(unitCtx, transactionKey{}, t), tx); err != nil {
			return err
		}
		var err error
		messages, err = t.flush(ctx)
		written = err == nil
		return err
	})
	if written {
		ended = err
	}
	if err == nil {
		s.inserted(messages)
	}
	return err
}

// begin makes the savepoint that shows at the end whether the transaction still exists.
func (t *transaction) begin(ctx context.Context) error {
	_, err := t.tx.ExecContext(ctx, "SAVEPOINT "+t.name())
	return err //nolint:wrapcheck // of the driver
}

// flush inserts the messages of the unit and returns them. The next step is COMMIT.
func (t *transaction) flush(ctx context.Context) ([]*signalcast.Message, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	// After a rollback, statements would take effect one by one.
	if _, err := t.tx.ExecContext(ctx, "RELEASE "+t.name()); err != nil {
		return nil, fmt.Errorf("sqlite: the transaction was rolled back before its end: %w", err)
	}
	messages := t.unit.Seal()
	return messages, t.store.insert(ctx, t.tx, t.insert, messages)
}

func (t *transaction) name() string { return fmt.Sprint(savepoint, t.depth) }

// nested calls f between a savepoint and its release.
func (t *transaction) nested(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	t.depth++
	defer func() { t.depth-- }()
	if err := t.begin(ctx); err != nil {
		return err
	}
	mark, released := t.unit.Savepoint(), false
	defer func() {
		if released {
			return
		}
		t.unit.RollbackTo(mark)
		if _, err := t.tx.ExecContext(context.WithoutCancel(ctx), "ROLLBACK TO "+t.name()+"; RELEASE "+t.name()); err != nil {
			t.failed = fmt.Errorf("sqlite: roll back to a savepoint: %w", err)
		}
	}()
	if err := f(ctx, t.tx); err != nil {
		return err
	}
	if t.failed != nil {
		return t.failed
	}
	if _, err := t.tx.ExecContext(ctx, "RELEASE "+t.name()); err != nil {
		return fmt.Errorf("sqlite: release a savepoint: %w", err)
	}
	released = true
	return nil
}

// write calls f in a transaction that has the write lock, and commits it if f returns nil.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	// With ctx, database/sql would roll back on another goroutine when ctx ends. It ends f instead.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		s.release(ctx, conn, nil)
		return err //nolint:wrapcheck // the caller does
	}
	finished := false
	defer func() {
		if !finished {
			s.release(ctx, conn, tx.Rollback())
		}
	}()
	// The first statement takes the write lock, although it deletes nothing. A transaction that reads
	// first can fail with SQLITE_BUSY later.
	if err = s.lock(ctx, tx); err != nil {
		return err
	}
	if err = f(tx); err != nil {
		return err
	}
	finished = true
	return s.commit(ctx, conn, tx)
}

func (s *Store) lock(ctx context.Context, tx *sql.Tx) error {
	stmt, err := statement(ctx, tx, s.lockStmt.Load(), s.sql.lock)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	_, err = stmt.ExecContext(ctx)
	return err //nolint:wrapcheck // the caller does
}

// commit commits tx and releases conn. If COMMIT fails with SQLITE_BUSY or a violated constraint, SQLite leaves
// the transaction open, so it is certain that it is not committed. Some drivers then roll back themselves.
func (s *Store) commit(ctx context.Context, conn *sql.Conn, tx *sql.Tx) error {
	err := tx.Commit()
	if err == nil {
		s.release(ctx, conn, nil)
		return nil
	}
	_, rollback := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	s.release(ctx, conn, rollback)
	if rollback == nil || leftOpen(err) {
		return err //nolint:wrapcheck // the caller does
	}
	return fmt.Errorf("sqlite: %w: %w", signalcast.ErrCommitUnknown, err)
}

// leftOpen reports whether err is an error of COMMIT that leaves the transaction open. Not every driver tells.
func leftOpen(err error) bool {
	const busy, constraint = 5, 19
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	return ok && (coded.Code()&0xff == busy || coded.Code()&0xff == constraint)
}

// release returns conn to the pool. After a failed ROLLBACK, it closes conn, unless a new transaction shows
// that none is open.
func (s *Store) release(ctx context.Context, conn *sql.Conn, rollback error) {
	ctx = context.WithoutCancel(ctx)
	if rollback != nil {
		_, err := conn.ExecContext(ctx, "BEGIN")
		if err == nil {
			_, err = conn.ExecContext(ctx, "ROLLBACK")
		}
		if err != nil {
			s.logger.LogAttrs(ctx, slog.LevelWarn, "connection discarded, its transaction cannot be rolled back", slog.Any("error", err))
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}
	_ = conn.Close()
}
