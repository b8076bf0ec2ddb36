package cli

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

// storeForms are the forms of the URL of an outbox.
const storeForms = `  postgres://[user[:password]@]host[:port]/database[?sslmode=…]
  sqlite:FILE`

// store is an open outbox.
type store struct {
	outbox.Store

	migrations []string
	close      func()
}

// openStore returns the outbox for a URL. Errors do not show the URL, which may contain a password.
func openStore(ctx context.Context, text, table string) (*store, error) {
	switch scheme, file, _ := strings.Cut(text, ":"); scheme {
	case "postgres", "postgresql":
		return openPostgres(ctx, text, table)
	case "sqlite":
		if file == "" {
			return nil, usageError{fmt.Errorf("--outbox: found no file; want one of\n%s", storeForms)}
		}
		return openSQLite(file, table)
	default:
		return nil, usageError{fmt.Errorf("--outbox: found an unknown scheme; want one of\n%s", storeForms)}
	}
}

func openPostgres(ctx context.Context, text, table string) (*store, error) {
	config, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, usageError{fmt.Errorf("--outbox: found a malformed URL; want one of\n%s", storeForms)}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("--outbox: %w", err)
	}
	s, err := postgres.New(postgres.Config{Pool: pool, Table: table, Notify: true})
	if err != nil {
		pool.Close()
		return nil, asTableFlag(err)
	}
	return &store{s, s.Migrations(), func() { s.Close(); pool.Close() }}, nil
}

func openSQLite(file, table string) (*store, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("--outbox: %w", err)
	}
	s, err := sqlite.New(sqlite.Config{DB: db, Table: table})
	if err != nil {
		_ = db.Close()
		return nil, asTableFlag(err)
	}
	var migrations []string
	for _, m := range s.Migrations() {
		migrations = append(migrations, m.SQL)
	}
	return &store{s, migrations, func() { _ = db.Close() }}, nil
}

// asTableFlag replaces an error about the name of the table by one about --table.
func asTableFlag(err error) error {
	if field, ok := errors.AsType[*postgres.ConfigError](err); ok && field.Field == "Table" {
		return usageError{fmt.Errorf("--table: %s; want %s", field.Found, field.Want)}
	}
	if field, ok := errors.AsType[*sqlite.ConfigError](err); ok && field.Field == "Table" {
		return usageError{fmt.Errorf("--table: %s; want %s", field.Found, field.Want)}
	}
	return fmt.Errorf("--outbox: %w", err)
}
