// Package inbox makes repeated handling of an event have no effect. A receiver records the ID of the event in
// the transaction of its effect, and does nothing if the ID is recorded already:
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
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
)

// Execer executes statements in a database or a transaction. *sql.DB, *sql.Tx and *sql.Conn are Execers. [Pgx] makes
// one of a transaction or a pool of pgx.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Pgx returns an Execer for the method Exec of a pgx.Tx, a *pgx.Conn or a *pgxpool.Pool:
//
//	first, err := inbox.First(ctx, inbox.Pgx(tx.Exec), "catalog", e.ID)
func Pgx[T interface{ RowsAffected() int64 }](exec func(ctx context.Context, query string, args ...any) (T, error)) Execer {
	return execFunc(func(ctx context.Context, query string, args ...any) (sql.Result, error) {
		tag, err := exec(ctx, query, args...)
		return affected(tag.RowsAffected()), err
	})
}

type execFunc func(ctx context.Context, query string, args ...any) (sql.Result, error)

func (f execFunc) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return f(ctx, query, args...)
}

// affected is the result of a statement of pgx.
type affected int64

func (n affected) RowsAffected() (int64, error) { return int64(n), nil }

func (n affected) LastInsertId() (int64, error) { return 0, nil }

// First records an event in the transaction tx, and reports whether it is the first one with its ID for the consumer. consumer
// names the receiver, so that several receivers may handle one event in the same database.
//
// If another transaction is recording the same event, First waits for it. It reports true if the other one
// is rolled back. With SQLite, the database lock has the same effect.
func First(ctx context.Context, tx Execer, consumer string, id signalcast.UUID) (bool, error) {
	const insert = `insert into signalcast_inbox (consumer, event_id, handled_at) values ($1, $2, $3) on conflict (consumer, event_id) do nothing`
	result, err := tx.ExecContext(ctx, insert, consumer, id.String(), time.Now().Unix())
	var n int64
	if err == nil {
		n, err = result.RowsAffected()
	}
	if err != nil {
		return false, fmt.Errorf("inbox: record event %s: %w", id, err)
	}
	return n > 0, nil
}

// Schema returns the statements that create the table, for a migration tool.
func Schema() string {
	return createTable + ";\n" + createIndex + ";\n"
}

const (
	createTable = `create table if not exists signalcast_inbox (
	consumer   text not null,
	event_id   text not null,
	handled_at bigint not null, -- Unix seconds
	primary key (consumer, event_id)
)`
	createIndex = `create index if not exists signalcast_inbox_handled_at on signalcast_inbox (handled_at)`
)

// Migrate creates the table signalcast_inbox, unless it exists. db must not be a transaction.
func Migrate(ctx context.Context, db Execer) (err error) {
	for range 3 { // PostgreSQL returns an error if another process creates the table at the same time
		if err = migrate(ctx, db); err == nil {
			return nil
		}
	}
	return fmt.Errorf("inbox: create the table: %w", err)
}

func migrate(ctx context.Context, db Execer) error {
	for _, statement := range []string{createTable, createIndex} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// purgeRows is the number of rows that one statement of Purge deletes, so that it holds no locks for long.
const purgeRows = 1000

// Purge deletes the records of events that were handled longer ago than age, and returns their number. A repetition that comes
// later is handled again, so age must be longer than a message can stay in the bus: its retention, or the time until a
// dead letter is worked off. A week is usual. db must not be a transaction: Purge executes many short statements.
func Purge(ctx context.Context, db Execer, age time.Duration) (deleted int64, err error) {
	const statement = `delete from signalcast_inbox where (consumer, event_id) in
		(select consumer, event_id from signalcast_inbox where handled_at < $1 limit $2)`
	before := time.Now().Add(-age).Unix()
	for {
		result, err := db.ExecContext(ctx, statement, before, purgeRows)
		var n int64
		if err == nil {
			n, err = result.RowsAffected()
		}
		if err != nil {
			return deleted, fmt.Errorf("inbox: delete old records: %w", err)
		}
		if deleted += n; n < purgeRows {
			return deleted, nil
		}
	}
}
