package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/signalcast/signalcast/outbox"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one step from a version of the tables to the next.
type Migration struct {
	// Version is the version after the migration. The first is 1.
	Version int
	// Name is the name of the file.
	Name string
	// SQL are its statements, with the names of the tables of the store.
	SQL string
}

// Migrations returns all migrations in their order, for printing. Migrate also keeps the applied versions in a
// table, whose name ends with "_migrations".
func (s *Store) Migrations() []Migration {
	entries, err := fs.ReadDir(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the files are part of the program
	}
	names := strings.NewReplacer(
		"{rows}", quote(s.tables.rows), "{schemas}", quote(s.tables.schemas), "{lease}", quote(s.tables.lease),
		"{rows_lane}", quote(s.tables.rows+"_lane"), "{rows_parked}", quote(s.tables.rows+"_parked"),
		"{rows_failing}", quote(s.tables.rows+"_failing"),
	)
	migrations := make([]Migration, len(entries))
	for i, entry := range entries {
		text, err := migrationFiles.ReadFile("migrations/" + entry.Name())
		if err != nil {
			panic(err)
		}
		migrations[i] = Migration{Version: i + 1, Name: entry.Name(), SQL: names.Replace(string(text))}
	}
	return migrations
}

// Migrate creates the tables or brings them to the version that the store needs, in one transaction. Tables of
// a later version are an [*outbox.SchemaError].
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.checkVersion(ctx); err != nil {
		return err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("sqlite: migrate: %w", err)
	}
	defer func() { _ = conn.Close() }()
	// The lock excludes other migrations. The tables cannot be locked by a statement of their own yet.
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("sqlite: migrate: %w", err)
	}
	if err = s.migrate(ctx, conn); err == nil {
		_, err = conn.ExecContext(context.WithoutCancel(ctx), "COMMIT")
	}
	if err != nil {
		_, rollback := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		s.release(ctx, conn, rollback)
		return fmt.Errorf("sqlite: migrate: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context, conn *sql.Conn) error {
	create := "CREATE TABLE IF NOT EXISTS " + quote(s.tables.migrations) + " (version INTEGER PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT" //nolint:gosec // a valid name, quoted
	if _, err := conn.ExecContext(ctx, create); err != nil {
		return err //nolint:wrapcheck // Migrate does
	}
	var version int
	if err := conn.QueryRowContext(ctx, s.sql.version).Scan(&version); err != nil {
		return err //nolint:wrapcheck // Migrate does
	}
	migrations := s.Migrations()
	if version > len(migrations) {
		return &outbox.SchemaError{Table: s.tables.rows, Found: version, Want: len(migrations)}
	}
	for _, m := range migrations[version:] {
		if _, err := conn.ExecContext(ctx, m.SQL); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
		if _, err := conn.ExecContext(ctx, s.sql.applied, m.Version); err != nil {
			return fmt.Errorf("%s: %w", m.Name, err)
		}
	}
	return nil
}

// checkTables returns an *outbox.SchemaError unless the tables have the version that the store needs.
func (s *Store) checkTables(ctx context.Context) error {
	e := &outbox.SchemaError{Table: s.tables.rows, Want: len(s.Migrations())}
	var found bool
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"
	if err := s.db.QueryRowContext(ctx, exists, s.tables.migrations).Scan(&found); err != nil {
		return fmt.Errorf("sqlite: look for the tables: %w", err)
	}
	if found {
		if err := s.db.QueryRowContext(ctx, s.sql.version).Scan(&e.Found); err != nil {
			return fmt.Errorf("sqlite: read the version of the tables: %w", err)
		}
	}
	if e.Found != e.Want {
		return e
	}
	return nil
}
