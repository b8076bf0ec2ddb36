//go:build integration

package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/outboxtest"
	"github.com/signalcast/signalcast/outbox/postgres"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	outboxtest.Run(t, outboxtest.Harness{New: func(t testing.TB) outboxtest.Database {
		t.Helper()
		table := tableName()
		pool := newPool(t, func(c *pgxpool.Config) { c.MaxConns = 4 })
		open := func(pool *pgxpool.Pool, table string) *postgres.Store {
			s, err := postgres.New(postgres.Config{Pool: pool, Table: table, Notify: true})
			require.NoError(t, err)
			t.Cleanup(s.Close)
			return s
		}
		store := newStore(t, func(c *postgres.Config) { c.Pool, c.Table = pool, table })
		second := newPool(t, func(c *pgxpool.Config) { c.MaxConns = 4 })
		return outboxtest.Database{
			Store: store, Second: open(second, table),
			InTx: func(ctx context.Context, f func(ctx context.Context) error) error {
				return store.InTx(ctx, func(ctx context.Context, _ pgx.Tx) error { return f(ctx) })
			},
			Overlap: func(ctx context.Context, f func(ctx context.Context) error, inserted func()) error {
				tx, err := pool.Begin(ctx)
				if err != nil {
					return err
				}
				ctx, unit := store.Join(ctx, tx)
				if err = f(ctx); err == nil {
					err = unit.Write(ctx)
				}
				if err == nil {
					inserted()
					err = tx.Commit(ctx)
				} else {
					_ = tx.Rollback(ctx)
				}
				_ = unit.End(err)
				return err
			},
			Empty: func() (outbox.Store, outbox.Store) {
				name := tableName()
				t.Cleanup(func() {
					admin := newPool(t)
					for _, suffix := range []string{"", "_schemas", "_lease", "_version"} {
						exec(t, admin, "drop table if exists "+name+suffix)
					}
				})
				return open(pool, name), open(second, name)
			},
			RemoveSchemas: func() { exec(t, newPool(t), "delete from "+table+"_schemas") },
			Close:         pool.Close,
		}
	}})
}
