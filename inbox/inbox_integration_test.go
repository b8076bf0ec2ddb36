//go:build integration

package inbox_test

import (
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
)

func newPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	url := os.Getenv("SIGNALCAST_TEST_POSTGRES")
	require.NotEmpty(t, url, "SIGNALCAST_TEST_POSTGRES is not set; see test/README.md")
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	require.NoError(t, inbox.Migrate(t.Context(), inbox.Pgx(pool.Exec)))
	return pool
}

// The second transaction waits for the first one, and gets true only if the first one is rolled back.
func TestSecondTransactionWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	for _, commits := range []bool{true, false} {
		id := signalcast.NewUUID()
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		first, err := inbox.First(t.Context(), inbox.Pgx(tx.Exec), "catalog", id)
		require.NoError(t, err)
		require.True(t, first)

		second := make(chan bool, 1)
		go func() {
			var ok bool
			_ = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) (err error) {
				ok, err = inbox.First(t.Context(), inbox.Pgx(tx.Exec), "catalog", id)
				return err
			})
			second <- ok
		}()
		require.Eventually(t, func() bool {
			var waiting int
			require.NoError(t, pool.QueryRow(t.Context(),
				`select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%signalcast_inbox%'`).Scan(&waiting))
			return waiting == 1
		}, 30*time.Second, 5*time.Millisecond)
		if commits {
			require.NoError(t, tx.Commit(t.Context()))
		} else {
			require.NoError(t, tx.Rollback(t.Context()))
		}
		require.Equal(t, !commits, <-second)
	}
}

func TestPurgeDeletesOldRecordsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	_, err := pool.Exec(t.Context(), `insert into signalcast_inbox
		select 'purged', gen_random_uuid()::text, extract(epoch from now() - interval '10 days')::bigint from generate_series(1, 2500)`)
	require.NoError(t, err)
	n, err := inbox.Purge(t.Context(), inbox.Pgx(pool.Exec), 9*24*time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 2500, n)
}
