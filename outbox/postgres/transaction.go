package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signalcast/signalcast"
)

// InTx calls f in a transaction, which is a unit of work for messages that are sent with the context of f. If f returns
// nil, InTx stores the messages of mode outbox and commits. If f returns an error or panics, InTx rolls back
// and returns that error, or panics on.
//
// InTx returns nil if the transaction was committed. Otherwise it returns an error and nothing was committed, or the error
// wraps [signalcast.ErrCommitUnknown]. The fate of messages of mode on-commit is known later, to hooks and
// deliveries. An error of the server is a *pgconn.PgError: a caller may call InTx again after one with the code 40001 or
// 40P01.
//
// Within f, an InTx of the same store with the context of f is a savepoint of the same transaction. If the inner
// function returns an error or panics, only its changes and messages are withdrawn.
//
// f must not end the transaction or use tx after it has returned. f must use tx from one goroutine at a time. Savepoints that f
// makes with tx.Begin withdraw messages on Rollback; those that it makes in SQL do not.
func (s *Store) InTx(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return s.InTxOptions(ctx, pgx.TxOptions{}, f)
}

// InTxOptions is InTx with options, such as the isolation level. CommitQuery must be empty. Within a transaction of the
// same store, options must be zero or those of the transaction.
func (s *Store) InTxOptions(ctx context.Context, options pgx.TxOptions, f func(ctx context.Context, tx pgx.Tx) error) error {
	if outer, ok := ctx.Value(transactionKey{s}).(*transaction); ok {
		return outer.nested(ctx, options, f)
	}
	if options.CommitQuery != "" {
		return errors.New("postgres: InTxOptions: found a CommitQuery; want none")
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return s.fail("acquire a connection", err)
	}
	tx, err := conn.BeginTx(ctx, options)
	if err != nil {
		conn.Release()
		return s.fail("begin", err)
	}
	t := &transaction{store: s, conn: conn, tx: tx, options: options}
	ctx, t.unit = signalcast.NewUnit(context.WithValue(ctx, transactionKey{s}, t), s)
	return t.run(ctx, f)
}

// transactionKey is the key of the transaction of a store in a context.
type transactionKey struct{ store *Store }

// transaction is a transaction of InTx.
type transaction struct {
	store   *Store
	conn    *pgxpool.Conn
	tx      pgx.Tx
	options pgx.TxOptions
	unit    *signalcast.Unit
	ended   atomic.Bool

	savepoints int   // their number
	failure    error // of rolling back to a savepoint: the transaction must not be committed
}

func (t *transaction) run(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	outcome := signalcast.ErrRolledBack // if f returns an error or panics
	var w *write
	defer func() {
		t.ended.Store(true)
		if outcome != nil {
			rollback(ctx, t.conn.Conn())
		}
		t.conn.Release()
		if outcome == nil {
			t.store.committed(w)
		}
		_ = t.unit.End(outcome) // the first call, after Seal
	}()
	if err := f(ctx, &guardedTx{t, &t.ended}); err != nil {
		return err
	}
	w, outcome = t.commit(ctx)
	return outcome
}

// commit writes the messages of the unit and commits.
func (t *transaction) commit(ctx context.Context) (*write, error) {
	t.ended.Store(true)
	messages := t.unit.Seal()
	switch {
	case t.failure != nil:
		return nil, t.failure
	case t.conn.Conn().IsClosed():
		return nil, errors.New("postgres: commit: connection was lost")
	}
	switch t.conn.Conn().PgConn().TxStatus() {
	case 'I':
		return nil, fmt.Errorf("postgres: commit: the function ended its transaction: %w", signalcast.ErrCommitUnknown)
	case 'E':
		return nil, t.store.fail("commit", pgx.ErrTxCommitRollback)
	}
	w, err := t.store.newWrite(messages)
	if err != nil {
		return nil, err
	}
	batch := &pgx.Batch{}
	if w != nil {
		w.queue(batch)
	}
	return w, t.store.commit(ctx, t.conn.Conn(), batch)
}

// nested calls f in a savepoint.
func (t *transaction) nested(ctx context.Context, options pgx.TxOptions, f func(ctx context.Context, tx pgx.Tx) error) error {
	switch {
	case t.ended.Load():
		return fmt.Errorf("postgres: InTx: transaction of the context: %w", signalcast.ErrUnitEnded)
	case options != pgx.TxOptions{} && options != t.options:
		return errors.New("postgres: InTxOptions: found other options than those of the transaction of the context; want the same, or none")
	}
	p, err := t.savepoint(ctx)
	if err != nil {
		return t.store.fail("savepoint", err)
	}
	released := false
	defer func() {
		if !released {
			_ = p.Rollback(ctx) // a failure is one of the transaction
		}
	}()
	if err := f(ctx, &guardedTx{t, p.closed}); err != nil {
		return err
	}
	if err := p.Commit(ctx); err != nil {
		return t.store.fail("release savepoint", err)
	}
	released = true
	return nil
}
