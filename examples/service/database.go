package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/inbox"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

// database holds the enrolments, the read model, the outbox and the inbox: in SQLite or PostgreSQL.
type database struct {
	*sql.DB

	store outbox.Store
	// inTx calls f in a transaction, which is the unit of work of the events that are sent with the context of f.
	inTx  func(ctx context.Context, f func(context.Context, *sql.Tx) error) error
	close func() error
}

func openDatabase(ctx context.Context, s settings) (*database, error) {
	open := openSQLite
	if s.postgres != "" {
		open = openPostgres
	}
	d, err := open(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func openSQLite(_ context.Context, s settings) (*database, error) {
	dir, remove := s.dir, func() error { return nil }
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "enrollment-service-"); err != nil {
			return nil, err
		}
		remove = func() error { return os.RemoveAll(dir) }
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "service.db")+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	closeAll := func() error { return errors.Join(db.Close(), remove()) }
	store, err := sqlite.New(sqlite.Config{DB: db})
	if err != nil {
		return nil, errors.Join(err, closeAll())
	}
	return &database{db, store, store.InTx, closeAll}, nil
}

func openPostgres(ctx context.Context, s settings) (*database, error) {
	config, err := pgxpool.ParseConfig(s.postgres)
	if err != nil {
		return nil, err
	}
	config.MaxConns = receivers + 8 // the relay can renew its lease while all receivers wait for a lock
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	store, err := postgres.New(postgres.Config{Pool: pool})
	if err != nil {
		pool.Close()
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	inTx := func(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
		return joinTx(ctx, db, store, f)
	}
	return &database{db, store, inTx, func() error {
		store.Close()
		defer pool.Close()
		return db.Close()
	}}, nil
}

// joinTx implements database.inTx for PostgreSQL through database/sql. It begins and ends the transaction, and the store joins it.
func joinTx(ctx context.Context, db *sql.DB, store *postgres.Store, f func(context.Context, *sql.Tx) error) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	ctx, unit := store.JoinSQL(ctx, tx)
	err = signalcast.ErrRolledBack // what End gets if f panics
	defer func() {
		_ = tx.Rollback() // has no effect after a commit
		err = errors.Join(err, unit.End(err))
	}()
	if err = f(ctx, tx); err != nil {
		return err
	}
	if err = unit.Write(ctx); err != nil {
		return err
	}
	err = tx.Commit()
	if _, answered := errors.AsType[*pgconn.PgError](err); err != nil && !answered {
		err = fmt.Errorf("%w: %w", signalcast.ErrCommitUnknown, err)
	}
	return err
}

// migrate creates the tables. Both databases understand the statements of the service.
func (d *database) migrate(ctx context.Context) error {
	for _, statement := range []string{
		`create table if not exists enrollments (course text, user_id bigint, username text not null, primary key (course, user_id))`,
		`create table if not exists course_totals (course text primary key, enrolled bigint not null)`,
	} {
		if _, err := d.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return errors.Join(d.store.Migrate(ctx), inbox.Migrate(ctx, d))
}
