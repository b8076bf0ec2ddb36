package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/signalcast/signalcast"
)

// Unit is the unit of work of a transaction that the caller began. See [Store.Join].
type Unit struct {
	transaction *transaction
	messages    []*signalcast.Message
	written     bool
	writeErr    error
}

// Join is for transactions that InTx cannot run. It returns a context with which events are sent in tx:
//
//	ctx, unit := store.Join(ctx, tx)
//	err := change(ctx, tx)       // sends events
//	if err == nil {
//		err = unit.Write(ctx)    // the last statement
//	}
//	if err == nil {
//		err = tx.Commit()
//	} else {
//		_ = tx.Rollback()
//	}
//	_ = unit.End(err)
//
// The caller must call End. tx must not be in a savepoint that is rolled back or released before Write. An InTx with the
// returned context makes a savepoint.
//
// A transaction that reads before it writes can fail with SQLITE_BUSY at any write. To avoid
// this, let the driver begin with BEGIN IMMEDIATE ("_txlock=immediate" with most drivers).
func (s *Store) Join(ctx context.Context, tx *sql.Tx) (context.Context, *Unit) {
	t := &transaction{store: s, tx: tx}
	t.failed = t.begin(ctx)
	ctx, t.unit = signalcast.NewUnit(ctx, s)
	return context.WithValue(ctx, transactionKey{}, t), &Unit{transaction: t}
}

// Write inserts the messages of the unit. It is called once, as the last statement before COMMIT. If Write
// returns an error, the caller must roll back.
func (u *Unit) Write(ctx context.Context) error {
	if u.written {
		return signalcast.ErrUnitEnded
	}
	u.written = true
	u.messages, u.writeErr = u.transaction.flush(ctx)
	return u.writeErr
}

// End ends the unit after its transaction. err is the error of COMMIT, or the reason of the rollback.
// See [signalcast.Unit.End]. If the outcome of COMMIT is unknown, err must wrap [signalcast.ErrCommitUnknown].
//
// After a failed Write, messages of mode outbox are not stored, whatever err is: End returns
// [signalcast.ErrNotStored] if err is nil.
func (u *Unit) End(err error) error {
	if err == nil && u.writeErr != nil {
		return errors.Join(signalcast.ErrNotStored, u.transaction.unit.End(signalcast.ErrRolledBack))
	}
	if err == nil {
		u.transaction.store.inserted(u.messages)
	}
	u.messages = nil
	return u.transaction.unit.End(err) //nolint:wrapcheck // documented
}
