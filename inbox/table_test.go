package inbox_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
)

func TestConcurrentMigrateSucceeds(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	requireConcurrently(t, func(ctx context.Context) error { return inbox.Migrate(ctx, db) })
	require.True(t, first(t, db, "catalog", signalcast.NewUUID()))
}

// requireConcurrently calls f in several goroutines and requires that no call fails.
func requireConcurrently(t *testing.T, f func(ctx context.Context) error) {
	t.Helper()
	failures := make(chan error, 8)
	for range cap(failures) {
		go func() { failures <- f(t.Context()) }()
	}
	var all error
	for range cap(failures) {
		all = errors.Join(all, <-failures)
	}
	require.NoError(t, all)
}

// SQLite has no more than one writer.
func TestMigrateOfExistingTableDoesNotWrite(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	tx := begin(t, db)
	_, err := inbox.First(t.Context(), tx, "catalog", signalcast.NewUUID())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, inbox.Migrate(ctx, db))
}

func TestSchemaCreatesTheTable(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	_, err := db.ExecContext(t.Context(), inbox.Schema())
	require.NoError(t, err)
	require.True(t, first(t, db, "catalog", signalcast.NewUUID()))
}

func TestMigrateReturnsErrors(t *testing.T) {
	t.Parallel()
	db := openSQLite(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, inbox.Migrate(ctx, db), context.Canceled)
}

func TestPurgeDeletesOldRecords(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	kept := signalcast.NewUUID()
	insert(t, db, 2500, 2*time.Hour)
	require.True(t, first(t, db, "catalog", kept))
	n, err := inbox.Purge(t.Context(), db, time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 2500, n)
	require.False(t, first(t, db, "catalog", kept))
}

// insert records n events that were handled some time ago.
func insert(t *testing.T, db *sql.DB, n int, ago time.Duration) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), `with recursive n(i) as (select 1 union all select i + 1 from n where i < $1)
		insert into signalcast_inbox select 'catalog', hex(randomblob(16)), $2 from n`, n, time.Now().Add(-ago).Unix())
	require.NoError(t, err)
}

func TestPurgeKeepsRecordsFor14DaysByDefault(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	const day = 24 * time.Hour
	insert(t, db, 2, 14*day-time.Minute)
	insert(t, db, 3, 14*day+time.Minute)
	n, err := inbox.Purge(t.Context(), db, 0)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)

	_, err = inbox.Purge(t.Context(), db, -time.Second)
	require.EqualError(t, err, "inbox: age: found -1s; want a positive duration, or 0 for 336h0m0s")
}

// full is a database in which each statement deletes n rows.
type full struct {
	n     driver.RowsAffected
	calls []time.Time
}

func (f *full) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	f.calls = append(f.calls, time.Now())
	return f.n, nil
}

func (f *full) PingContext(context.Context) error { return nil }

func TestPurgePausesBetweenStatementsUntilItsContextEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		db := &full{n: 1000}
		n, err := inbox.Purge(ctx, db, 0)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualValues(t, 1000*len(db.calls), n)
		require.Greater(t, len(db.calls), 10)
		for i, at := range db.calls[1:] {
			require.Positive(t, at.Sub(db.calls[i]))
		}
	})
}
