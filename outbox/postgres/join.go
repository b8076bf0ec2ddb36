package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast"
)

// Execer executes statements in a transaction. *sql.Tx is one, and *sql.Conn after BEGIN.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Unit is a unit of work in a transaction that the caller begins and ends:
//
//	ctx, unit := store.Join(ctx, tx)
//	err := change(ctx, tx) // sends events with ctx
//	if err == nil {
//		err = unit.Write(ctx)
//	}
//	if err == nil {
//		err = tx.Commit(ctx)
//	} else {
//		_ = tx.Rollback(ctx)
//	}
//	err = errors.Join(err, unit.End(err))
//
// Write is the last statement before the commit: from then on, the transaction holds the locks of its lanes. A Unit is not safe for
// concurrent use.
type Unit struct {
	unit    *signalcast.Unit
	store   *Store
	insert  func(ctx context.Context, w *write) error
	written *write
	called  bool  // Write
	failure error // of Write
}

// Join returns a unit of work of tx, and a context for sending events that belong to it. tx must be a transaction in the
// database of the store, at any isolation level.
func (s *Store) Join(ctx context.Context, tx pgx.Tx) (context.Context, *Unit) {
	return s.join(ctx, func(ctx context.Context, w *write) error {
		batch := &pgx.Batch{}
		w.queue(batch)
		return tx.SendBatch(ctx, batch).Close()
	})
}

// JoinSQL is Join for a transaction of database/sql, with any driver for PostgreSQL. Write executes two
// statements, or three for a schema that Prepare has not seen.
func (s *Store) JoinSQL(ctx context.Context, tx Execer) (context.Context, *Unit) {
	return s.join(ctx, func(ctx context.Context, w *write) error { return w.exec(ctx, tx) })
}

func (s *Store) join(ctx context.Context, insert func(ctx context.Context, w *write) error) (context.Context, *Unit) {
	ctx, unit := signalcast.NewUnit(ctx, s)
	return ctx, &Unit{unit: unit, store: s, insert: insert}
}

// Write stores the messages of mode outbox in the transaction. Events that are sent in the unit later are rejected. After an
// error, the caller must roll back. Write returns ErrUnitEnded if it was called before.
func (u *Unit) Write(ctx context.Context) error {
	if u.called {
		return fmt.Errorf("postgres: Write: %w", signalcast.ErrUnitEnded)
	}
	u.called = true
	w, err := u.store.newWrite(u.unit.Seal())
	if err == nil && w != nil {
		u.written = w
		err = u.store.fail("write", u.insert(ctx, w))
	}
	u.failure = err
	return err
}

// Savepoint returns a mark for RollbackTo. The caller makes the savepoint of the transaction.
func (u *Unit) Savepoint() int { return u.unit.Savepoint() }

// RollbackTo withdraws the messages that were sent since the call of Savepoint that returned mark. The caller rolls the
// transaction back.
func (u *Unit) RollbackTo(mark int) { u.unit.RollbackTo(mark) }

// End ends the unit after the transaction. err is nil if it was committed. If the outcome of the commit is unknown, the caller passes an
// error that wraps [signalcast.ErrCommitUnknown]. With any other error the messages are withdrawn.
//
// End returns [signalcast.ErrNotStored] if the transaction was committed although Write was not called or failed, and
// [signalcast.ErrUnitEnded] if End was called before.
func (u *Unit) End(err error) error {
	if err == nil && u.failure != nil {
		failure := fmt.Errorf("%w: %w", signalcast.ErrNotStored, u.failure)
		return errors.Join(failure, u.unit.End(failure))
	}
	ended := u.unit.End(err)
	if err == nil && ended == nil {
		u.store.committed(u.written)
	}
	return ended //nolint:wrapcheck // documented
}

// exec writes the rows with database/sql. Each statement has one argument of text, which every driver can send.
func (w *write) exec(ctx context.Context, tx Execer) error {
	lanes := make([]string, len(w.lanes))
	for i, lane := range w.lanes {
		lanes[i] = strconv.Itoa(int(lane))
	}
	if _, err := tx.ExecContext(ctx, w.store.sql.lockSQL, strings.Join(lanes, ",")); err != nil {
		return err
	}
	if len(w.schemas) > 0 {
		if err := execJSON(ctx, tx, w.store.sql.insertSchemasSQL, sortSchemas(w.schemas)); err != nil {
			return err
		}
	}
	return execJSON(ctx, tx, w.store.sql.insertSQL, w.rows)
}

func execJSON(ctx context.Context, tx Execer, query string, rows any) error {
	text, err := json.Marshal(rows)
	if err != nil {
		return err //nolint:wrapcheck // by Write
	}
	_, err = tx.ExecContext(ctx, query, string(text))
	return err
}
