package inbox_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/inbox"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

func newSQLite(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "app.db")+"?_pragma=busy_timeout(20000)")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, inbox.Migrate(t.Context(), db))
	require.NoError(t, inbox.Migrate(t.Context(), db), "a second time")
	return db
}

// first records an event in a transaction that commits.
func first(t *testing.T, db *sql.DB, consumer string, id signalcast.UUID) bool {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	ok, err := inbox.First(t.Context(), tx, consumer, id)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	return ok
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
	tx, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	ok, err := inbox.First(t.Context(), tx, "catalog", id)
	require.NoError(t, err)
	require.True(t, ok)
	require.NoError(t, tx.Rollback())
	require.True(t, first(t, db, "catalog", id))
}

func TestPurgeDeletesOldRecords(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	kept := signalcast.NewUUID()
	for range 2500 {
		_, err := db.ExecContext(t.Context(), `insert into signalcast_inbox values ('catalog', $1, $2)`,
			signalcast.NewUUID().String(), time.Now().Add(-2*time.Hour).Unix())
		require.NoError(t, err)
	}
	require.True(t, first(t, db, "catalog", kept))
	n, err := inbox.Purge(t.Context(), db, time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 2500, n)
	require.False(t, first(t, db, "catalog", kept))
}

func TestErrorsNameTheEvent(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", ":memory:")
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	id := signalcast.NewUUID()
	_, err = inbox.First(t.Context(), db, "catalog", id)
	require.ErrorContains(t, err, "inbox: record event "+id.String())
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
