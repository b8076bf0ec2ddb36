package sqlite_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
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
	for name, write := range map[string]func(*testing.T, func() error){
		"no Write": func(*testing.T, func() error) {},
		"failed":   func(t *testing.T, write func() error) { t.Helper(); require.Error(t, write()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openService(t)
			tx, err := s.db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			ctx, unit := s.Join(t.Context(), tx)
			delivery, err := s.placed.SendAsync(ctx, s.registry, order{Number: "1"})
			require.NoError(t, err)
			ended, cancel := context.WithCancel(ctx)
			cancel()
			write(t, func() error { return unit.Write(ended) })
			require.NoError(t, tx.Commit())
			require.ErrorIs(t, unit.End(nil), signalcast.ErrNotStored)
			_, orders := fates(delivery)
			require.Error(t, orders)
			require.Empty(t, s.keys(t))
		})
	}
}
