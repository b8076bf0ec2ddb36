// Package inbox makes repeated handling of an event have no effect. The bus delivers an event at least once, always with
// the same ID. A receiver records the ID in the transaction of its effect, and does nothing if the ID is recorded already:
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
// The inbox is a table of the database of the service: PostgreSQL with pgx or database/sql, or SQLite. [Migrate] creates it.
// With mode outbox for the events that the receiver sends, an event from the bus has one effect in the database and sends its
// events once.
package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
)

// Tx is an open transaction. *sql.Tx is one, and [Pgx] makes one of a transaction of pgx. This package does not call Commit
// and Rollback: they keep out databases and connections, where a record would not end with the effect.
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	Commit() error
	Rollback() error
}

var (
	errNoConsumer = errors.New("inbox: consumer: found an empty name; want the name of the receiver")
	errNoID       = errors.New("inbox: event ID: found the nil UUID; want the ID of the event")
)

// First records an event in tx, and reports whether it is the first one with its ID for the consumer. consumer
// names the receiver, so that several receivers may handle one event in the same database. After an error, the caller must
// roll back.
//
// If another open transaction has recorded the same event, First waits until it ends. Then First reports true if
// it was rolled back. If it was committed, First reports false, or at the isolation levels repeatable read and
// serializable returns the serialization failure of PostgreSQL (code 40001). In SQLite, First waits for any other
// writer, for at most the busy_timeout of the connection. First should be the first statement of the transaction: in SQLite, a
// transaction that reads first can fail later.
//
// The caller must not wait for a second connection to the database while tx is open. That connection may wait for tx, or belong
// to another caller that waits too. The database does not recognise such a deadlock; it lasts until a context ends.
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
	return result.RowsAffected() //nolint:wrapcheck // the caller does
}
