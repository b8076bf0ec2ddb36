// Package inbox makes an event take effect once, although the bus can deliver it several times. Each delivery of the event
// has the same ID. A receiver records the ID in the transaction of its effect. It does nothing if the ID is recorded already:
//
//	func (s *Service) enrolled(ctx context.Context, e signalcast.Event[Enrollment]) error {
//		tx, err := s.db.BeginTx(ctx, nil)
//		if err != nil {
//			return err
//		}
//		defer tx.Rollback()
//		first, err := inbox.First(ctx, tx, "catalog", e.ID)
//		if err != nil || !first {
//			return err
//		}
//		// change the database with tx
//		return tx.Commit()
//	}
//
// The inbox is a table in the database of the service: PostgreSQL with pgx or database/sql, or SQLite. [Migrate] creates it.
// Events that the receiver sends in mode outbox are rows of the same transaction, so a repeated delivery does not send them
// again.
package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
)

// Tx is an open transaction. *sql.Tx is a Tx, and [Pgx] returns one for a transaction of pgx. This package does not call Commit
// and Rollback. Tx has them so that *sql.DB and *sql.Conn are not a Tx: their record would stay if the effect is rolled back.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	Commit() error
	Rollback() error
}

var (
	errNoConsumer = errors.New("inbox: consumer: found an empty name; want a name for the receiver")
	errNoID       = errors.New("inbox: event ID: found the nil UUID; want the ID of the event")
)

// First records in tx that consumer handles the event with the given ID. It reports whether the event had no record for
// consumer before. consumer names the receiver: several receivers with different names may handle one event in the same database.
// After an error, the caller must roll back.
//
// If another open transaction has recorded the same event for consumer, First waits until that transaction ends. After its rollback,
// First reports true. After its commit, First reports false. At the isolation levels repeatable read and serializable of PostgreSQL,
// First then returns the serialization failure (code 40001) instead.
//
// In SQLite, First waits for any other writer, for at most the busy_timeout of the connection. First should be the first statement
// of the transaction: SQLite can fail a transaction that reads before it writes.
//
// The caller must not wait for a second connection to the database while tx is open. The holder of that connection may itself wait for
// tx, or for another connection. The database does not detect such a deadlock, which lasts until a context ends.
func First(ctx context.Context, tx Tx, consumer string, id signalcast.UUID) (bool, error) {
	const insert = `insert into signalcast_inbox (consumer, event_id, handled_at) values ($1, $2, $3) on conflict (consumer, event_id) do nothing`
	switch {
	case consumer == "":
		return false, errNoConsumer
	case id == signalcast.UUID{}:
		return false, errNoID
	}
	n, err := exec(ctx, tx, insert, consumer, id.String(), time.Now().Unix())
	if err != nil {
		return false, fmt.Errorf("inbox: record event %s: %w", id, err)
	}
	return n > 0, nil
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec returns the number of rows that a statement inserted or deleted.
func exec(ctx context.Context, e execer, query string, args ...any) (int64, error) {
	result, err := e.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected() //nolint:wrapcheck // the caller wraps the error
}
