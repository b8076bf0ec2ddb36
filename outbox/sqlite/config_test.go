package sqlite_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

func TestNewRejectsAnInvalidConfig(t *testing.T) {
	t.Parallel()
	db := openPragma(t, filepath.Join(t.TempDir(), "shop.db"), "journal_mode(WAL)")
	tests := map[string]struct {
		config sqlite.Config
		want   string
	}{
		"no database":      {sqlite.Config{}, "sqlite: Config.DB: found nil; want an open database"},
		"injection":        {sqlite.Config{DB: db, Table: `x"; DROP TABLE orders`}, `sqlite: Config.Table: found "x\"; DROP TABLE orders"; want at most 48 letters`},
		"long name":        {sqlite.Config{DB: db, Table: strings.Repeat("x", 49)}, "Config.Table: found"},
		"digit":            {sqlite.Config{DB: db, Table: "1table"}, "Config.Table: found"},
		"reserved":         {sqlite.Config{DB: db, Table: "SQLite_outbox"}, "want a name without the prefix sqlite_"},
		"negative polling": {sqlite.Config{DB: db, Poll: -1}, "sqlite: Config.Poll: found -1ns; want 0 or more"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sqlite.New(test.config)
			require.ErrorContains(t, err, test.want)
			_, ok := errors.AsType[*sqlite.ConfigError](err)
			require.True(t, ok)
		})
	}
}

func TestNewRejectsAnOldSQLite(t *testing.T) {
	t.Parallel()
	tests := []struct{ version, mode, want string }{
		{"3.51.3", "wal", ""},
		{"3.52.0", "wal", ""},
		{"4.0.0", "wal", ""},
		{"3.51.2", "wal", "3.51.3"},
		{"3.9.10", "wal", "3.51.3"},
		{"unknown", "wal", "3.51.3"},
		{"3.51.2", "delete", ""},
		{"3.42.0", "truncate", ""},
		{"3.41.9", "delete", "3.42.0"},
	}
	for _, test := range tests {
		t.Run(test.version+" "+test.mode, func(t *testing.T) {
			t.Parallel()
			f := &faults{version: test.version}
			db := openFaulty(t, dsn(filepath.Join(t.TempDir(), "shop.db"), "journal_mode("+test.mode+")"), f)
			_, err := sqlite.New(sqlite.Config{DB: db})
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			found, ok := errors.AsType[*sqlite.VersionError](err)
			require.True(t, ok, "%v", err)
			require.Equal(t, &sqlite.VersionError{Found: test.version, Want: test.want, JournalMode: test.mode}, found)
			require.ErrorContains(t, err, "found SQLite "+test.version)
		})
	}
}

func TestPrepareAndMigrateCheckTheJournalModeAgain(t *testing.T) {
	t.Parallel()
	f := &faults{version: "3.51.2"}
	db := openFaulty(t, dsn(filepath.Join(t.TempDir(), "shop.db")), f)
	store := newStore(t, db)
	require.NoError(t, store.Migrate(t.Context()))
	_, err := db.ExecContext(t.Context(), "PRAGMA journal_mode = WAL")
	require.NoError(t, err)
	for _, err := range []error{store.Prepare(t.Context(), nil), store.Migrate(t.Context())} {
		_, ok := errors.AsType[*sqlite.VersionError](err)
		require.True(t, ok, "%v", err)
	}
}

func TestTablesOfALaterVersionAreASchemaError(t *testing.T) {
	t.Parallel()
	store, db := open(t)
	_, err := db.ExecContext(t.Context(), "INSERT INTO signalcast_outbox_migrations VALUES (99, 0)")
	require.NoError(t, err)
	for _, err := range []error{store.Prepare(t.Context(), nil), store.Migrate(t.Context())} {
		found, ok := errors.AsType[*outbox.SchemaError](err)
		require.True(t, ok, "%v", err)
		require.Equal(t, 99, found.Found)
	}
}

func TestTablesWithOtherNamesAreIndependent(t *testing.T) {
	t.Parallel()
	first, db := open(t)
	second, err := sqlite.New(sqlite.Config{DB: db, Table: "Select"})
	require.NoError(t, err)
	require.NoError(t, second.Migrate(t.Context()))
	s := newService(t, second, db)
	require.NoError(t, s.placed.Send(t.Context(), s.registry, order{Number: "1"}))
	require.Equal(t, []string{"1"}, s.keys(t))
	rows, err := first.List(t.Context(), outbox.Filter{Pending: true})
	require.NoError(t, err)
	require.Empty(t, rows)
}

func TestMigrationsAreTheStatementsOfMigrate(t *testing.T) {
	t.Parallel()
	db := openPragma(t, filepath.Join(t.TempDir(), "shop.db"), "journal_mode(WAL)")
	store, err := sqlite.New(sqlite.Config{DB: db, Table: "events"})
	require.NoError(t, err)
	for i, m := range store.Migrations() {
		require.Equal(t, i+1, m.Version)
		require.NotContains(t, m.SQL, "{")
		_, err := db.ExecContext(t.Context(), m.SQL)
		require.NoError(t, err, m.Name)
	}
	_, err = store.List(t.Context(), outbox.Filter{})
	require.NoError(t, err)
}
