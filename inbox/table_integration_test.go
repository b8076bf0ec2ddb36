//go:build integration

package inbox_test

import (
	"context"
	"database/sql"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
)

func TestConcurrentMigrateSucceedsInPostgreSQL(t *testing.T) {
	t.Parallel()
	for range 5 {
		address, pool := newSchema(t)
		databases := []inbox.DB{inbox.PgxPool(pool), openSQL(t, "pgx", address), openSQL(t, "postgres", address)}
		var next atomic.Int64
		requireConcurrently(t, func(ctx context.Context) error {
			return inbox.Migrate(ctx, databases[int(next.Add(1))%len(databases)])
		})
		var indexes int
		require.NoError(t, pool.QueryRow(t.Context(),
			"select count(*) from pg_indexes where schemaname = current_schema() and tablename = 'signalcast_inbox'").Scan(&indexes))
		require.Equal(t, 2, indexes)
	}
}

func TestRoleWithoutCreateNeedsTheTable(t *testing.T) {
	t.Parallel()
	address, pool := newSchema(t)
	role := unique("role")
	exec(t, pool, "create role "+role+" login")
	t.Cleanup(func() {
		exec(t, pool, "drop owned by "+role)
		exec(t, pool, "drop role "+role)
	})
	var schema string
	require.NoError(t, pool.QueryRow(t.Context(), "select current_schema()").Scan(&schema))
	exec(t, pool, "grant usage on schema "+schema+" to "+role)
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	parsed.User = url.User(role)

	for _, driver := range []string{"pgx", "postgres"} {
		db := openSQL(t, driver, parsed.String())
		require.Equal(t, "42501", codeOf(inbox.Migrate(t.Context(), db)), "insufficient privilege")
	}
	require.NoError(t, inbox.Migrate(t.Context(), inbox.PgxPool(pool)))
	exec(t, pool, "grant select, insert, delete on signalcast_inbox to "+role)
	for _, driver := range []string{"pgx", "postgres"} {
		db := openSQL(t, driver, parsed.String())
		require.NoError(t, inbox.Migrate(t.Context(), db))
		require.True(t, first(t, db, driver, signalcast.NewUUID()))
		_, err := inbox.Purge(t.Context(), db, 0)
		require.NoError(t, err)
	}
}

func TestMigrateOfExistingTableDoesNotWaitForWriters(t *testing.T) {
	t.Parallel()
	forEachClient(t, func(t *testing.T, c client, _ *pgxpool.Pool) {
		tx, _ := c.open(t, sql.LevelReadCommitted)
		require.Equal(t, result{true, nil}, <-firstIn(t.Context(), t, tx, signalcast.NewUUID()))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		require.NoError(t, inbox.Migrate(ctx, c.db))
	})
}

func TestMigrateStopsWaitingWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"pgx", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			address, pool := newSchema(t)
			// Another process is creating the table.
			other, err := pool.Begin(t.Context())
			require.NoError(t, err)
			defer other.Rollback(context.Background()) //nolint:errcheck // the test ends
			_, err = other.Exec(t.Context(), inbox.Schema())
			require.NoError(t, err)

			db := openSQL(t, driver, address)
			db.SetMaxOpenConns(1)
			var waiting int
			require.NoError(t, db.QueryRowContext(t.Context(), backendPID).Scan(&waiting))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- inbox.Migrate(ctx, db) }()
			requireBlocked(t, pool, waiting, int(other.Conn().PgConn().PID()))
			cancel()
			require.ErrorIs(t, <-ended, context.Canceled)
		})
	}
}

func TestConcurrentPurgeDeletesOldRecordsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	forEachClient(t, func(t *testing.T, c client, pool *pgxpool.Pool) {
		exec(t, pool, `insert into signalcast_inbox select 'purged', gen_random_uuid()::text,
			extract(epoch from now() - interval '15 days')::bigint - n % 1000 from generate_series(1, 20500) n`)
		exec(t, pool, `insert into signalcast_inbox values ('kept', 'a', extract(epoch from now() - interval '13 days')::bigint)`)
		var deleted atomic.Int64
		requireConcurrently(t, func(ctx context.Context) error {
			n, err := inbox.Purge(ctx, c.db, 0)
			deleted.Add(n)
			return err
		})
		require.EqualValues(t, 20500, deleted.Load())
		var kept int
		require.NoError(t, pool.QueryRow(t.Context(), "select count(*) from signalcast_inbox").Scan(&kept))
		require.Equal(t, 1, kept)
	})
}
