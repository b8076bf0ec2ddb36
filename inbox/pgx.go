package inbox

import (
	"context"
	"database/sql"
)

// Pgx returns a Tx for a pgx.Tx:
//
//	first, err := inbox.First(ctx, inbox.Pgx(tx), "catalog", e.ID)
func Pgx[T interface{ RowsAffected() int64 }](tx interface {
	Exec(ctx context.Context, query string, args ...any) (T, error)
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
},
) Tx {
	return pgxTx{pgxExec(tx.Exec), tx.Commit, tx.Rollback}
}

// PgxPool returns a DB for a *pgxpool.Pool.
func PgxPool[T interface{ RowsAffected() int64 }](pool interface {
	Exec(ctx context.Context, query string, args ...any) (T, error)
	Ping(ctx context.Context) error
},
) DB {
	return pgxPool{pgxExec(pool.Exec), pool.Ping}
}

type pgxTx struct {
	execer

	commit, rollback func(context.Context) error
}

// Commit commits the transaction. Like the method of database/sql, it has no context, so it waits without a limit.
func (t pgxTx) Commit() error { return t.commit(context.Background()) }

func (t pgxTx) Rollback() error { return t.rollback(context.Background()) }

type pgxPool struct {
	execer

	ping func(context.Context) error
}

func (p pgxPool) PingContext(ctx context.Context) error { return p.ping(ctx) }

// pgxExec returns an execer that calls exec, a method of pgx.
func pgxExec[T interface{ RowsAffected() int64 }](exec func(ctx context.Context, query string, args ...any) (T, error)) execer {
	return execFunc(func(ctx context.Context, query string, args ...any) (sql.Result, error) {
		tag, err := exec(ctx, query, args...)
		return affected(tag.RowsAffected()), err
	})
}

type execFunc func(ctx context.Context, query string, args ...any) (sql.Result, error)

func (f execFunc) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return f(ctx, query, args...)
}

// affected is the result of a statement of pgx.
type affected int64

func (n affected) RowsAffected() (int64, error) { return int64(n), nil }

func (n affected) LastInsertId() (int64, error) { return 0, nil }
