package sqlite_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

func TestJoinStoresEventsOfATransactionOfTheCaller(t *testing.T) {
	t.Parallel()
	s := openService(t)
	tx, err := s.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	ctx, unit := s.Join(t.Context(), tx)
	delivery, err := s.place(ctx, tx, "1")
	require.NoError(t, err)
	require.ErrorIs(t, s.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.place(ctx, tx, "2")
		require.NoError(t, err)
		return errStock
	}), errStock, "InTx makes a savepoint")
	require.NoError(t, unit.Write(ctx))
	require.ErrorIs(t, unit.Write(ctx), signalcast.ErrUnitEnded)
	reader := s.NewReader()
	t.Cleanup(reader.Close)
	_, err = reader.Fetch(t.Context(), 10)
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	require.NoError(t, unit.End(nil))
	reader.Wait(t.Context())
	require.NoError(t, delivery.Wait(t.Context()))
	s.requireOrders(t, "1")
}

func TestJoinWithoutWriteOrAfterAFailedWriteStoresNothing(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(context.Context, *testing.T, *sql.Tx, *sqlite.Unit){
		"no Write": func(context.Context, *testing.T, *sql.Tx, *sqlite.Unit) {},
		"context ended": func(ctx context.Context, t *testing.T, _ *sql.Tx, unit *sqlite.Unit) {
			t.Helper()
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			require.ErrorIs(t, unit.Write(ctx), context.Canceled)
		},
		"row rejected": func(ctx context.Context, t *testing.T, tx *sql.Tx, unit *sqlite.Unit) {
			t.Helper()
			_, err := tx.ExecContext(ctx, "CREATE TRIGGER full BEFORE INSERT ON signalcast_outbox BEGIN SELECT RAISE(FAIL, 'full'); END")
			require.NoError(t, err)
			require.ErrorContains(t, unit.Write(ctx), "insert message 1 of 1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openService(t)
			tx, err := s.db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			ctx, unit := s.Join(t.Context(), tx)
			delivery, err := s.placed.SendAsync(ctx, s.registry, order{Number: "1"})
			require.NoError(t, err)
			write(ctx, t, tx, unit)
			require.NoError(t, tx.Commit())
			require.ErrorIs(t, unit.End(nil), signalcast.ErrNotStored)
			_, orders := fates(delivery)
			require.Error(t, orders)
			require.Empty(t, s.keys(t))
		})
	}
}
