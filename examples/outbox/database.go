package main

import (
	"context"
	"database/sql"
	"path/filepath"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

// database has the enrolments and the outbox.
type database interface {
	outbox() outbox.Store
	// enroll inserts an enrolment and sends its event in one transaction. It rolls back if the
	// course is full.
	enroll(ctx context.Context, r *signalcast.Registry, e enrollment) error
	// ids returns the IDs of the enrolments.
	ids(ctx context.Context) ([]int64, error)
	close()
}

func openDatabase(ctx context.Context, s settings) (database, error) {
	if s.postgres != "" {
		return openPostgres(ctx, s.postgres)
	}
	return openSQLite(ctx, filepath.Join(s.dir, "app.db"))
}

type sqliteDatabase struct {
	db    *sql.DB
	store *sqlite.Store
}

func openSQLite(ctx context.Context, file string) (database, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	store, err := sqlite.New(sqlite.Config{DB: db})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, `create table if not exists enrollments (id integer primary key autoincrement, user text, course text)`)
	return &sqliteDatabase{db, store}, err
}

func (d *sqliteDatabase) outbox() outbox.Store { return d.store }

func (d *sqliteDatabase) enroll(ctx context.Context, r *signalcast.Registry, e enrollment) error {
	return d.store.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `insert into enrollments (user, course) values (?, ?) returning id`, e.User, e.Course).Scan(&e.ID)
		if err != nil {
			return err
		}
		if err := enrollmentCreated.Send(ctx, r, e); err != nil || e.Course != fullCourse {
			return err
		}
		return errFull
	})
}

func (d *sqliteDatabase) ids(ctx context.Context) (ids []int64, err error) {
	rows, err := d.db.QueryContext(ctx, `select id from enrollments order by id`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

func (d *sqliteDatabase) close() { _ = d.db.Close() }

type postgresDatabase struct {
	pool  *pgxpool.Pool
	store *postgres.Store
}

func openPostgres(ctx context.Context, url string) (database, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	store, err := postgres.New(postgres.Config{Pool: pool})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx); err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, `create table if not exists enrollments (id bigint generated always as identity primary key, "user" text, course text)`)
	return &postgresDatabase{pool, store}, err
}

func (d *postgresDatabase) outbox() outbox.Store { return d.store }

func (d *postgresDatabase) enroll(ctx context.Context, r *signalcast.Registry, e enrollment) error {
	return d.store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `insert into enrollments ("user", course) values ($1, $2) returning id`, e.User, e.Course).Scan(&e.ID)
		if err != nil {
			return err
		}
		if err := enrollmentCreated.Send(ctx, r, e); err != nil || e.Course != fullCourse {
			return err
		}
		return errFull
	})
}

func (d *postgresDatabase) ids(ctx context.Context) ([]int64, error) {
	rows, err := d.pool.Query(ctx, `select id from enrollments order by id`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

func (d *postgresDatabase) close() {
	d.store.Close()
	d.pool.Close()
}
