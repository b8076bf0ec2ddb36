//go:build integration

package outbox_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
	"github.com/signalcast/signalcast/outbox/sqlite"
	"github.com/signalcast/signalcast/test/programs"
)

// The test binary runs as one of these programs if the variable is set. Programs are killed.
const (
	roleVariable     = "SIGNALCAST_TEST_ROLE" // writer or relay
	databaseVariable = "SIGNALCAST_TEST_DATABASE"
	redisVariable    = "SIGNALCAST_TEST_REDIS"
)

// keys is the number of event keys. Writers contend for them.
const keys = 8

// changed is the data of the event. N counts the committed changes of the key.
type changed struct {
	Key int64  `avro:"key"`
	N   int64  `avro:"n"`
	ID  string `avro:"id"`
}

var counterChanged = signalcast.NewSignal[changed]("org.example.counter.changed.v1")

const stream = "changes"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	var err error
	switch os.Getenv(roleVariable) {
	case "writer":
		err = write(ctx, os.Getenv(databaseVariable))
	case "relay":
		err = relay(ctx, os.Getenv(databaseVariable), os.Getenv(redisVariable))
	}
	stop()
	if err != nil && !errors.Is(err, context.Canceled) { // a program may be stopped while it opens the database
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// database has counters, changes and the outbox.
type database struct {
	outbox.Store

	// change increments the counter of a key, notes the change and sends the event, all in one transaction.
	change func(ctx context.Context, r *signalcast.Registry, c changed, fail error) error
	// changes returns the committed changes.
	changes func(ctx context.Context) ([]changed, error)
	close   func()
}

const (
	createCounters = `create table if not exists counters (key bigint primary key, n bigint not null)`
	createChanges  = `create table if not exists changes (id text primary key, key bigint not null, n bigint not null)`
	insertChange   = `insert into changes (id, key, n) values ($1, $2, $3)`
	increment      = `insert into counters (key, n) values ($1, 1) on conflict (key) do update set n = counters.n + 1 returning n`
	selectChanges  = `select key, n, id from changes`
)

func openDatabase(ctx context.Context, address string) (*database, error) {
	if file, ok := sqliteFile(address); ok {
		return openSQLite(ctx, file)
	}
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return nil, err
	}
	store, err := postgres.New(postgres.Config{Pool: pool, Notify: true})
	if err != nil {
		return nil, err
	}
	return &database{
		Store: store,
		change: func(ctx context.Context, r *signalcast.Registry, c changed, fail error) error {
			return store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
				if err := tx.QueryRow(ctx, increment, c.Key).Scan(&c.N); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, insertChange, c.ID, c.Key, c.N); err != nil {
					return err
				}
				return errors.Join(counterChanged.Send(ctx, r, c), fail)
			})
		},
		changes: func(ctx context.Context) ([]changed, error) {
			rows, err := pool.Query(ctx, selectChanges)
			if err != nil {
				return nil, err
			}
			return pgx.CollectRows(rows, pgx.RowToStructByPos[changed])
		},
		close: func() { store.Close(); pool.Close() },
	}, errors.Join(create(func(text string) error { _, err := pool.Exec(ctx, text); return err }), store.Migrate(ctx))
}

func openSQLite(ctx context.Context, file string) (*database, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(20000)")
	if err != nil {
		return nil, err
	}
	store, err := sqlite.New(sqlite.Config{DB: db})
	if err != nil {
		return nil, err
	}
	return &database{
		Store: store,
		change: func(ctx context.Context, r *signalcast.Registry, c changed, fail error) error {
			return store.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
				if err := tx.QueryRowContext(ctx, increment, c.Key).Scan(&c.N); err != nil {
					return err
				}
				if _, err := tx.ExecContext(ctx, insertChange, c.ID, c.Key, c.N); err != nil {
					return err
				}
				return errors.Join(counterChanged.Send(ctx, r, c), fail)
			})
		},
		changes: func(ctx context.Context) (all []changed, err error) {
			rows, err := db.QueryContext(ctx, selectChanges)
			if err != nil {
				return nil, err
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var c changed
				if err := rows.Scan(&c.Key, &c.N, &c.ID); err != nil {
					return nil, err
				}
				all = append(all, c)
			}
			return all, rows.Err()
		},
		close: func() { _ = db.Close() },
	}, errors.Join(create(func(text string) error { _, err := db.ExecContext(ctx, text); return err }), store.Migrate(ctx))
}

func create(exec func(text string) error) error {
	return errors.Join(exec(createCounters), exec(createChanges))
}

// newRegistry returns a registry that stores events in the outbox.
func newRegistry(ctx context.Context, o signalcast.Outbox) (*signalcast.Registry, error) {
	r := signalcast.NewRegistry()
	if err := r.Register(counterChanged); err != nil {
		return nil, err
	}
	_, err := signalcast.NewDispatcher(ctx, r, signalcast.ProducerConfig{counterChanged.EventType(): {
		stream: {EventKeyField: new("key"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)},
	}}, memory.New(), signalcast.WithOutbox(o))
	return r, err
}

var errRolledBack = errors.New("rolled back")

// write changes counters until ctx ends. A quarter of the transactions is rolled back. Failures are
// expected: the database is killed.
func write(ctx context.Context, address string) error {
	db, registry, err := open(ctx, address)
	if err != nil {
		return err
	}
	defer db.close()
	for ctx.Err() == nil {
		var fail error
		if mathrand.N(4) == 0 {
			fail = errRolledBack
		}
		c := changed{Key: mathrand.N(int64(keys)), ID: rand.Text()}
		if err := db.change(ctx, registry, c, fail); err != nil && !errors.Is(err, errRolledBack) {
			programs.Pause(ctx, 50*time.Millisecond)
		}
	}
	return nil
}

// open opens a database that may be starting.
func open(ctx context.Context, address string) (db *database, r *signalcast.Registry, err error) {
	for ctx.Err() == nil {
		if db, err = openDatabase(ctx, address); err == nil {
			if r, err = newRegistry(ctx, db.Store); err == nil {
				return db, r, nil
			}
		}
		programs.Pause(ctx, 100*time.Millisecond)
	}
	return nil, nil, errors.Join(ctx.Err(), err)
}

func relay(ctx context.Context, address, redisURL string) error {
	db, _, err := open(ctx, address)
	if err != nil {
		return err
	}
	defer db.close()
	backend, err := redis.New(redis.Config{URL: redisURL, MaxLen: -1})
	if err != nil {
		return err
	}
	r, err := outbox.NewRelay(db, backend, outbox.Config{Lease: 2 * time.Second})
	if err != nil {
		return err
	}
	return errors.Join(r.Run(ctx), backend.Close(context.WithoutCancel(ctx)))
}
