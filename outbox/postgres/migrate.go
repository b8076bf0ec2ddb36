package postgres

import (
	"context"
	"embed"
	"io/fs"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migrationLock is the advisory lock that Migrate holds: "signalca" in ASCII.
const migrationLock = 0x7369676e616c6361

const createVersions = "create table if not exists {version} (version integer primary key, applied_at timestamptz not null default clock_timestamp())"

// wantVersion is the number of migrations.
func wantVersion() int { return len(migrations()) }

// migrations returns the text of each migration, the first one is that of version 1.
func migrations() []string {
	paths, err := fs.Glob(migrationFiles, "migrations/*.sql") // sorted
	if err != nil {
		panic(err) // the pattern is valid
	}
	texts := make([]string, len(paths))
	for i, path := range paths {
		text, err := migrationFiles.ReadFile(path)
		if err != nil {
			panic(err) // the file is embedded
		}
		texts[i] = string(text)
	}
	return texts
}

// Migrations returns the SQL statements of each version, for printing. Migrate executes them.
// The first one belongs to version 1.
func (s *Store) Migrations() []string {
	texts := migrations()
	for i, text := range texts {
		if i == 0 {
			text = createVersions + ";\n\n" + text
		}
		insert := strings.Replace(insertVersion, "$1", strconv.Itoa(i+1), 1)
		texts[i] = s.names.sql(text + "\n" + insert + ";\n")
	}
	return texts
}

const insertVersion = "insert into {version} (version) values ($1)"

// Migrate creates the tables, or brings them to the version that the store needs, in one transaction. It is safe to
// call at any time, by several processes. It changes nothing if the tables have that version or a newer
// one: a migration never breaks a program that needs the version before. The role needs the right to
// create tables; a schema must exist.
func (s *Store) Migrate(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1::bigint)", int64(migrationLock)); err != nil {
			return err //nolint:wrapcheck // below
		}
		if _, err := tx.Exec(ctx, s.names.sql(createVersions)); err != nil {
			return err //nolint:wrapcheck // below
		}
		var version int
		if err := tx.QueryRow(ctx, s.names.sql("select coalesce(max(version), 0) from {version}")).Scan(&version); err != nil {
			return err //nolint:wrapcheck // below
		}
		for i, text := range migrations() {
			if i < version {
				continue
			}
			if _, err := tx.Conn().PgConn().Exec(ctx, s.names.sql(text)).ReadAll(); err != nil {
				return err //nolint:wrapcheck // below
			}
			if _, err := tx.Exec(ctx, s.names.sql(insertVersion), i+1); err != nil {
				return err //nolint:wrapcheck // below
			}
		}
		return nil
	})
	return s.fail("migrate", err)
}
