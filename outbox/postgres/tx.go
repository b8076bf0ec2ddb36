package postgres

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrManagedTx means that the function of InTx tried to end its transaction.
var ErrManagedTx = errors.New("postgres: InTx ends the transaction; return nil to commit, or an error to roll back")

// guardedTx is the pgx.Tx of a function. It does not end the transaction, and cannot be used afterwards.
type guardedTx struct {
	transaction *transaction
	closed      *atomic.Bool // of the savepoint, or of the transaction
}

func (g *guardedTx) err() error {
	if g.closed.Load() || g.transaction.ended.Load() {
		return pgx.ErrTxClosed
	}
	return nil
}

// Commit returns ErrManagedTx.
func (g *guardedTx) Commit(context.Context) error { return ErrManagedTx }

// Rollback returns ErrManagedTx, or pgx.ErrTxClosed after the end of the transaction, as a deferred Rollback expects.
func (g *guardedTx) Rollback(context.Context) error {
	if err := g.err(); err != nil {
		return err
	}
	return ErrManagedTx
}

func (g *guardedTx) Begin(ctx context.Context) (pgx.Tx, error) {
	if err := g.err(); err != nil {
		return nil, err
	}
	p, err := g.transaction.savepoint(ctx)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (g *guardedTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if err := g.err(); err != nil {
		return 0, err
	}
	return g.transaction.tx.CopyFrom(ctx, table, columns, rows) //nolint:wrapcheck // of the caller
}

func (g *guardedTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := g.err(); err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	return g.transaction.tx.SendBatch(ctx, b)
}

func (g *guardedTx) LargeObjects() pgx.LargeObjects { return g.transaction.tx.LargeObjects() }

func (g *guardedTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	if err := g.err(); err != nil {
		return nil, err
	}
	return g.transaction.tx.Prepare(ctx, name, sql) //nolint:wrapcheck // of the caller
}

func (g *guardedTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if err := g.err(); err != nil {
		return pgconn.CommandTag{}, err
	}
	return g.transaction.tx.Exec(ctx, sql, args...) //nolint:wrapcheck // of the caller
}

func (g *guardedTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if err := g.err(); err != nil {
		return nil, err
	}
	return g.transaction.tx.Query(ctx, sql, args...) //nolint:wrapcheck // of the caller
}

func (g *guardedTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if err := g.err(); err != nil {
		return failed{err}
	}
	return g.transaction.tx.QueryRow(ctx, sql, args...)
}

// Conn returns the connection of the transaction, which must not be used after the transaction.
func (g *guardedTx) Conn() *pgx.Conn { return g.transaction.tx.Conn() }

// failed is a row of a closed transaction.
type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// savepoint is a savepoint of a transaction. Its Rollback withdraws the messages that were sent since.
type savepoint struct {
	*guardedTx
	name string
	mark int
}

func (t *transaction) savepoint(ctx context.Context) (*savepoint, error) {
	t.savepoints++
	p := &savepoint{&guardedTx{t, &atomic.Bool{}}, "signalcast_" + strconv.Itoa(t.savepoints), t.unit.Savepoint()}
	_, err := t.tx.Exec(ctx, "savepoint "+p.name)
	return p, err //nolint:wrapcheck // of the caller
}

// Commit releases the savepoint. After an error, Rollback is still possible.
func (p *savepoint) Commit(ctx context.Context) error {
	if err := p.err(); err != nil {
		return err
	}
	if _, err := p.transaction.tx.Exec(ctx, "release savepoint "+p.name); err != nil {
		return err //nolint:wrapcheck // of the caller
	}
	p.closed.Store(true)
	return nil
}

// Rollback rolls back to the savepoint, even if ctx has ended. If that fails, the transaction cannot be committed: it would have
// the changes and not the messages.
func (p *savepoint) Rollback(ctx context.Context) error {
	if err := p.err(); err != nil {
		return err
	}
	p.closed.Store(true)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackPatience)
	defer cancel()
	_, err := p.transaction.tx.Exec(bounded, "rollback to savepoint "+p.name)
	p.transaction.unit.RollbackTo(p.mark)
	if err != nil {
		p.transaction.failure = p.transaction.store.fail("roll back to savepoint", err)
	}
	return err //nolint:wrapcheck // of the caller
}
