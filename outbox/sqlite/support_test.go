package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/signalcast/signalcast/outbox/sqlite"
)

// dsn names a database file. Connections wait for the write lock.
func dsn(file string, pragmas ...string) string {
	name := "file:" + file + "?_pragma=busy_timeout(20000)"
	for _, p := range pragmas {
		name += "&_pragma=" + p
	}
	return name
}

func openPragma(t testing.TB, file, pragma string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(file, pragma, "synchronous(OFF)"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newStore(t testing.TB, db *sql.DB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.New(sqlite.Config{DB: db})
	require.NoError(t, err)
	return s
}

// open returns a migrated store in a new database.
func open(t testing.TB) (*sqlite.Store, *sql.DB) {
	t.Helper()
	db := openPragma(t, filepath.Join(t.TempDir(), "shop.db"), "journal_mode(WAL)")
	s := newStore(t, db)
	require.NoError(t, s.Migrate(t.Context()))
	return s, db
}
