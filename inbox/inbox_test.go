package inbox_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/inbox"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

func newSQLite(t testing.TB) *sql.DB {
	t.Helper()
	db := openSQLite(t)
	require.NoError(t, inbox.Migrate(t.Context(), db))
	return db
}

// openSQLite returns a new database.
func openSQLite(t testing.TB) *sql.DB {
	t.Helper()
	const pragmas = "?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")+pragmas)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// begin returns a transaction that is rolled back at the end of the test.
func begin(t testing.TB, db *sql.DB) *sql.Tx {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx
}

// first records an event in a transaction that commits.
func first(t testing.TB, db *sql.DB, consumer string, id signalcast.UUID) bool {
	t.Helper()
	tx := begin(t, db)
	ok, err := inbox.First(t.Context(), tx, consumer, id)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	return ok
}

func TestOnlyTransactionsAreTx(t *testing.T) {
	t.Parallel()
	for value, want := range map[any]bool{(*sql.Tx)(nil): true, (*sql.DB)(nil): false, (*sql.Conn)(nil): false} {
		_, isTx := value.(inbox.Tx)
		require.Equal(t, want, isTx, "%T", value)
		_, isDB := value.(inbox.DB)
		require.Equal(t, !want, isDB, "%T", value)
	}
}

func TestFirstIsTrueOncePerConsumer(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	id := signalcast.NewUUID()
	require.True(t, first(t, db, "catalog", id))
	require.False(t, first(t, db, "catalog", id))
	require.True(t, first(t, db, "mails", id))
	require.True(t, first(t, db, "catalog", signalcast.NewUUID()))
}

func TestRolledBackRecordDoesNotCount(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	id := signalcast.NewUUID()
	tx := begin(t, db)
	ok, err := inbox.First(t.Context(), tx, "catalog", id)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, tx.Rollback())
	require.True(t, first(t, db, "catalog", id))
}

func TestFirstIsTrueInOneOfConcurrentTransactions(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	id := signalcast.NewUUID()
	var trues atomic.Int64
	requireConcurrently(t, func(ctx context.Context) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // after Commit
		recorded, err := inbox.First(ctx, tx, "catalog", id)
		if err != nil {
			return err
		}
		if recorded {
			trues.Add(1)
		}
		return tx.Commit()
	})
	require.EqualValues(t, 1, trues.Load())
}

func TestErrorsNameTheEvent(t *testing.T) {
	t.Parallel()
	id := signalcast.NewUUID()
	tx := begin(t, newSQLite(t))
	require.NoError(t, tx.Commit())
	_, err := inbox.First(t.Context(), tx, "catalog", id)
	require.ErrorIs(t, err, sql.ErrTxDone)
	require.ErrorContains(t, err, "inbox: record event "+id.String())
}

func TestFirstNeedsConsumerAndID(t *testing.T) {
	t.Parallel()
	tx := begin(t, newSQLite(t))
	_, err := inbox.First(t.Context(), tx, "", signalcast.NewUUID())
	require.EqualError(t, err, "inbox: consumer: found an empty name; want a name for the receiver")
	_, err = inbox.First(t.Context(), tx, "catalog", signalcast.UUID{})
	require.EqualError(t, err, "inbox: event ID: found the nil UUID; want the ID of the event")
}

type paid struct {
	Order string `avro:"order"`
}

var (
	orderPaid    = signalcast.NewSignal[paid]("org.example.order.paid.v1")
	orderShipped = signalcast.NewSignal[paid]("org.example.order.shipped.v1")
)

// An event from the bus changes the database and sends another event, both once, although it is delivered three times and the
// first transaction fails.
func TestInboxAndOutboxHaveOneEffect(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := newSQLite(t)
	_, err := db.ExecContext(ctx, `create table shipped (id text)`)
	require.NoError(t, err)
	store, err := sqlite.New(sqlite.Config{DB: db})
	require.NoError(t, err)
	require.NoError(t, store.Migrate(ctx))
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(orderPaid, orderShipped))
	_, err = signalcast.NewDispatcher(ctx, registry, signalcast.ProducerConfig{orderShipped.EventType(): {
		"shipped": {EventKeyField: new("order"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)},
	}}, memory.New(), signalcast.WithOutbox(store))
	require.NoError(t, err)
	attempts := 0
	_, err = orderPaid.Connect(registry, func(ctx context.Context, e signalcast.Event[paid]) error {
		attempts++
		return store.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			first, err := inbox.First(ctx, tx, "shipping", e.ID)
			if err != nil || !first {
				return err
			}
			if _, err := tx.ExecContext(ctx, `insert into shipped values ($1)`, e.Data.Order); err != nil {
				return err
			}
			if err := orderShipped.Send(ctx, registry, e.Data); err != nil {
				return err
			}
			if attempts == 1 {
				return errors.New("the process ends before the commit")
			}
			return nil
		})
	})
	require.NoError(t, err)
	meta := signalcast.Metadata{EventType: orderPaid.EventType(), ID: signalcast.NewUUID(), Time: time.Now(), SourceLib: "1.0.0"}
	for delivery := range 3 {
		received, err := registry.Decode(meta, nil, []byte("\x04a1"))
		require.NoError(t, err)
		require.Equal(t, delivery == 0, received.Deliver(ctx) != nil)
	}
	var rows int
	require.NoError(t, db.QueryRowContext(ctx, `select count(*) from shipped`).Scan(&rows))
	require.Equal(t, 1, rows)
	status, err := store.Status(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, status.Pending)
}
