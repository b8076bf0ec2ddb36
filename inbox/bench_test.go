package inbox_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
)

func BenchmarkFirstInSQLite(b *testing.B) { benchmarkFirst(b, newSQLite(b)) }

// benchmarkFirst compares transactions that insert a row: without an inbox, with a new event, and with an event that is repeated,
// whose row is not inserted.
func benchmarkFirst(b *testing.B, db *sql.DB) {
	b.Helper()
	_, err := db.ExecContext(b.Context(), `create table effects (id text primary key)`)
	require.NoError(b, err)
	known := signalcast.NewUUID()
	require.True(b, first(b, db, "bench", known))
	for name, record := range map[string]func(ctx context.Context, tx *sql.Tx) (bool, error){
		"without": func(context.Context, *sql.Tx) (bool, error) { return true, nil },
		"new": func(ctx context.Context, tx *sql.Tx) (bool, error) {
			return inbox.First(ctx, tx, "bench", signalcast.NewUUID())
		},
		"repeated": func(ctx context.Context, tx *sql.Tx) (bool, error) { return inbox.First(ctx, tx, "bench", known) },
	} {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			for b.Loop() {
				tx, err := db.BeginTx(ctx, nil)
				require.NoError(b, err)
				isFirst, err := record(ctx, tx)
				require.NoError(b, err)
				require.Equal(b, name != "repeated", isFirst)
				if isFirst {
					_, err = tx.ExecContext(ctx, `insert into effects values ($1)`, signalcast.NewUUID().String())
					require.NoError(b, err)
				}
				require.NoError(b, tx.Commit())
			}
		})
	}
}
