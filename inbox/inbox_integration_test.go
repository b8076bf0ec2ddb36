//go:build integration

package inbox_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
)

// The second transaction waits for the first one, and gets true only if the first one is rolled back.
func TestSecondTransactionWaitsForTheFirst(t *testing.T) {
	t.Parallel()
	forEachClient(t, func(t *testing.T, c client, pool *pgxpool.Pool) {
		for _, level := range []sql.IsolationLevel{sql.LevelReadCommitted, sql.LevelRepeatableRead, sql.LevelSerializable} {
			for _, commits := range []bool{true, false} {
				id := signalcast.NewUUID()
				tx, pid := c.open(t, level)
				require.Equal(t, result{true, nil}, <-firstIn(t.Context(), t, tx, id))
				second, waiting := c.open(t, level)
				results := firstIn(t.Context(), t, second, id)
				requireBlocked(t, pool, waiting, pid)

				end := tx.Rollback
				if commits {
					end = tx.Commit
				}
				require.NoError(t, end())
				got := <-results
				if commits && level != sql.LevelReadCommitted {
					require.Equal(t, "40001", codeOf(got.err), "%v at %v", got.err, level)
					require.NoError(t, second.Rollback())
					second, _ = c.open(t, level)
					got = <-firstIn(t.Context(), t, second, id)
				}
				require.Equal(t, result{!commits, nil}, got, "%v", level)
				require.NoError(t, second.Commit())
			}
		}
	})
}

// codeOf returns the code of an error of PostgreSQL.
func codeOf(err error) string {
	coded, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err)
	if !ok {
		return ""
	}
	return coded.SQLState()
}

func TestRecordOfTerminatedConnectionDoesNotCount(t *testing.T) {
	t.Parallel()
	forEachClient(t, func(t *testing.T, c client, pool *pgxpool.Pool) {
		id := signalcast.NewUUID()
		tx, pid := c.open(t, sql.LevelReadCommitted)
		require.Equal(t, result{true, nil}, <-firstIn(t.Context(), t, tx, id))
		second, waiting := c.open(t, sql.LevelReadCommitted)
		results := firstIn(t.Context(), t, second, id)
		requireBlocked(t, pool, waiting, pid)

		exec(t, pool, "select pg_terminate_backend($1)", pid)
		require.Equal(t, result{true, nil}, <-results)
		require.Error(t, tx.Commit())
		require.NoError(t, second.Commit())
		third, _ := c.open(t, sql.LevelReadCommitted)
		require.Equal(t, result{false, nil}, <-firstIn(t.Context(), t, third, id))
	})
}

func TestFirstStopsWaitingWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	forEachClient(t, func(t *testing.T, c client, pool *pgxpool.Pool) {
		id := signalcast.NewUUID()
		tx, pid := c.open(t, sql.LevelReadCommitted)
		require.Equal(t, result{true, nil}, <-firstIn(t.Context(), t, tx, id))
		second, waiting := c.open(t, sql.LevelReadCommitted)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		results := firstIn(ctx, t, second, id)
		requireBlocked(t, pool, waiting, pid)
		cancel()
		got := <-results
		require.ErrorContains(t, got.err, "inbox: record event "+id.String())
		require.False(t, got.first)
	})
}

func BenchmarkFirstInPostgreSQL(b *testing.B) {
	address, _ := newSchema(b)
	db := openSQL(b, "pgx", address)
	require.NoError(b, inbox.Migrate(b.Context(), db))
	benchmarkFirst(b, db)
}
