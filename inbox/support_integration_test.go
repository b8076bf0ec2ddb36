//go:build integration

package inbox_test

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "github.com/lib/pq"              // the driver postgres
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
)

// newSchema returns the URL of a database whose tables no other test uses, and a pool for it.
func newSchema(t testing.TB) (string, *pgxpool.Pool) {
	t.Helper()
	address := os.Getenv("SIGNALCAST_TEST_POSTGRES")
	require.NotEmpty(t, address, "SIGNALCAST_TEST_POSTGRES is not set; see test/README.md")
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	schema := unique("inbox")
	query := parsed.Query()
	query.Set("search_path", schema)
	parsed.RawQuery = query.Encode()

	pool, err := pgxpool.New(context.Background(), parsed.String())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	exec(t, pool, "create schema "+schema)
	t.Cleanup(func() { exec(t, pool, "drop schema "+schema+" cascade") })
	return parsed.String(), pool
}

func unique(prefix string) string {
	return prefix + "_" + strings.ReplaceAll(signalcast.NewUUID().String(), "-", "")
}

func exec(t testing.TB, pool *pgxpool.Pool, statement string, args ...any) {
	t.Helper()
	_, err := pool.Exec(context.Background(), statement, args...)
	require.NoError(t, err)
}

func openSQL(t testing.TB, driver, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// client is a way to use PostgreSQL. begin returns a transaction and the process ID of its backend.
type client struct {
	db    inbox.DB
	begin func(level sql.IsolationLevel) (inbox.Tx, int, error)
}

// forEachClient runs a test with each client, in a schema of its own with an inbox.
func forEachClient(t *testing.T, test func(t *testing.T, c client, pool *pgxpool.Pool)) {
	t.Helper()
	for _, name := range []string{"pgxpool", "pgx", "postgres"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, pool := newSchema(t)
			require.NoError(t, inbox.Migrate(t.Context(), inbox.PgxPool(pool)))
			c := poolClient(t, address)
			if name != "pgxpool" {
				c = sqlClient(openSQL(t, name, address))
			}
			require.NoError(t, c.db.PingContext(t.Context()))
			test(t, c, pool)
		})
	}
}

const backendPID = "select pg_backend_pid()"

func sqlClient(db *sql.DB) client {
	return client{db, func(level sql.IsolationLevel) (inbox.Tx, int, error) {
		tx, err := db.BeginTx(context.Background(), &sql.TxOptions{Isolation: level})
		if err != nil {
			return nil, 0, err
		}
		var pid int
		return tx, pid, tx.QueryRowContext(context.Background(), backendPID).Scan(&pid)
	}}
}

func poolClient(t *testing.T, address string) client {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), address)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return client{inbox.PgxPool(pool), func(level sql.IsolationLevel) (inbox.Tx, int, error) {
		options := pgx.TxOptions{IsoLevel: pgx.TxIsoLevel(strings.ToLower(level.String()))}
		tx, err := pool.BeginTx(context.Background(), options)
		if err != nil {
			return nil, 0, err
		}
		var pid int
		err = tx.QueryRow(context.Background(), backendPID).Scan(&pid)
		return inbox.Pgx(tx), pid, err
	}}
}

// open begins a transaction that is rolled back at the end of the test.
func (c client) open(t *testing.T, level sql.IsolationLevel) (tx inbox.Tx, pid int) {
	t.Helper()
	tx, pid, err := c.begin(level)
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback() })
	return tx, pid
}

// result is that of First.
type result struct {
	first bool
	err   error
}

// firstIn calls First with tx. The test does not end before First returns.
func firstIn(ctx context.Context, t *testing.T, tx inbox.Tx, id signalcast.UUID) <-chan result {
	t.Helper()
	results, ended := make(chan result, 1), make(chan struct{})
	go func() {
		defer close(ended)
		first, err := inbox.First(ctx, tx, "catalog", id)
		results <- result{first, err}
	}()
	t.Cleanup(func() { <-ended })
	return results
}

// requireBlocked waits until the backend waiting waits for a lock of the backend holding.
func requireBlocked(t *testing.T, pool *pgxpool.Pool, waiting, holding int) {
	t.Helper()
	require.Eventually(t, func() bool {
		var blocked bool
		err := pool.QueryRow(t.Context(), "select $2 = any(pg_blocking_pids($1))", waiting, holding).Scan(&blocked)
		return err == nil && blocked
	}, 30*time.Second, 5*time.Millisecond)
}
