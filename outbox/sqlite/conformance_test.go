package sqlite_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/outboxtest"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"WAL", "DELETE"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			outboxtest.Run(t, harness("journal_mode("+mode+")", 0))
		})
	}
	t.Run("one connection", func(t *testing.T) {
		t.Parallel()
		outboxtest.Run(t, harness("journal_mode(WAL)", 1))
	})
}

// harness makes databases with a pragma and a limit of connections.
func harness(pragma string, connections int) outboxtest.Harness {
	return outboxtest.Harness{
		New: func(t testing.TB) outboxtest.Database {
			t.Helper()
			file := filepath.Join(t.TempDir(), "shop.db")
			db := openPragma(t, file, pragma)
			db.SetMaxOpenConns(connections)
			store, second := newQuietStore(t, db), newStore(t, openPragma(t, file, pragma))
			require.NoError(t, store.Migrate(t.Context()))
			return outboxtest.Database{
				Store: store, Second: second, InTx: inTx(store),
				Empty: func() (outbox.Store, outbox.Store) {
					file := filepath.Join(t.TempDir(), "empty.db")
					return newStore(t, openPragma(t, file, pragma)), newStore(t, openPragma(t, file, pragma))
				},
				RemoveSchemas: func() {
					_, err := db.ExecContext(t.Context(), "DELETE FROM signalcast_outbox_schemas")
					require.NoError(t, err)
				},
				Close: func() { require.NoError(t, db.Close()) },
			}
		},
		NoOverlap: true, // SQLite has one writer
	}
}

func inTx(s *sqlite.Store) func(context.Context, func(context.Context) error) error {
	return func(ctx context.Context, f func(context.Context) error) error {
		return s.InTx(ctx, func(ctx context.Context, _ *sql.Tx) error { return f(ctx) })
	}
}
