//go:build integration

package postgres_test

import (
	"context"
	"database/sql"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "github.com/lib/pq"              // the driver postgres
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox/postgres"
)

func TestJoinedTransactionHasTheMessages(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.begin(t, "ann", 1).commit(t)
	s.begin(t, "ann", 2).rollback(t)
	require.Equal(t, []string{"ann 1"}, s.stored(t))

	tx, err := s.pool.Begin(t.Context())
	require.NoError(t, err)
	ctx, unit := s.store.Join(t.Context(), tx)
	require.NoError(t, s.send(ctx, "ann", 3))
	mark := unit.Savepoint()
	require.NoError(t, s.send(ctx, "ann", 4))
	unit.RollbackTo(mark)
	require.NoError(t, unit.Write(ctx))
	require.ErrorIs(t, s.send(ctx, "ann", 5), signalcast.ErrUnitEnded)
	require.ErrorIs(t, unit.Write(ctx), signalcast.ErrUnitEnded)
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, unit.End(nil))
	require.ErrorIs(t, unit.End(nil), signalcast.ErrUnitEnded)
	require.Equal(t, []string{"ann 1", "ann 3"}, s.stored(t))
}

func TestEndReportsMessagesThatWereNotWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, write := range []bool{false, true} {
		tx, err := s.pool.Begin(t.Context())
		require.NoError(t, err)
		ctx, unit := s.store.Join(t.Context(), tx)
		delivery, err := s.placed.SendAsync(ctx, s.registry, order{"ann", 1})
		require.NoError(t, err)
		if write {
			ended, cancel := context.WithCancel(ctx)
			cancel()
			require.ErrorIs(t, unit.Write(ended), context.Canceled)
		}
		_ = tx.Rollback(t.Context())
		require.ErrorIs(t, unit.End(nil), signalcast.ErrNotStored)
		require.Error(t, delivery.Wait(t.Context()))
	}
	require.Empty(t, s.stored(t))
}

func TestJoinSQLWritesTheSameRowsWithEachDriver(t *testing.T) {
	t.Parallel()
	for _, driver := range []string{"pgx", "postgres"} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, func(c *postgres.Config) { c.Concurrent = driver == "pgx" })
			db, err := sql.Open(driver, address(t))
			require.NoError(t, err)
			defer func() { require.NoError(t, db.Close()) }()

			direct, joined := &relayed{store: s.store}, &relayed{store: s.store, db: db}
			for _, o := range []*relayed{direct, joined} {
				require.NoError(t, o.write(t, variety()))
			}
			rows := list(t, s.store)
			require.Len(t, rows, 8)
			byID := map[signalcast.UUID]bool{}
			for i, row := range rows {
				want := variety()[i%4]
				byID[row.Message.Event.ID] = true
				want.Event.ID = row.Message.Event.ID
				require.Equal(t, want, row.Message)
			}
			require.Len(t, byID, 8)

			// A unit of a transaction of database/sql.
			for number, commit := range []bool{false, true} {
				tx, err := db.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				ctx, unit := s.store.JoinSQL(t.Context(), tx)
				require.NoError(t, s.send(ctx, "ann", int64(number)))
				require.NoError(t, s.send(ctx, "bob", int64(number)))
				require.NoError(t, unit.Write(ctx))
				if commit {
					require.NoError(t, unit.End(tx.Commit()))
				} else {
					require.NoError(t, tx.Rollback())
					require.NoError(t, unit.End(errShop))
				}
			}
			require.Equal(t, []string{"ann 1", "bob 1"}, ordersOf(t, list(t, s.store)[8:]))
		})
	}
}

// relayed writes messages as they are, by way of a unit.
type relayed struct {
	store *postgres.Store
	db    *sql.DB
}

func (r *relayed) write(t *testing.T, messages []*signalcast.Message) error {
	t.Helper()
	if r.db == nil {
		return r.store.Insert(t.Context(), messages)
	}
	tx, err := r.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	if err := r.store.WriteSQL(t.Context(), tx, messages); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}
