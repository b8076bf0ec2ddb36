package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

var errStock = errors.New("out of stock")

const (
	busy       = 5
	constraint = 19
)

// code returns the primary error code of SQLite.
func code(t *testing.T, err error) int {
	t.Helper()
	coded, ok := errors.AsType[interface {
		error
		Code() int
	}](err)
	require.True(t, ok, "%v is no error of SQLite", err)
	return coded.Code() & 0xff
}

func TestInTxStoresEventsWithTheChange(t *testing.T) {
	t.Parallel()
	s := openService(t)
	var delivery *signalcast.Delivery
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
		delivery, err = s.place(ctx, tx, "1")
		require.Empty(t, s.backend.Messages(), "nothing is published before the commit")
		return err
	}))
	require.NoError(t, delivery.Wait(t.Context()))
	s.requireOrders(t, "1")
}

func TestInTxReturnsTheErrorUnchanged(t *testing.T) {
	t.Parallel()
	s := openService(t)
	var delivery *signalcast.Delivery
	err := s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
		delivery, err = s.place(ctx, tx, "1")
		require.NoError(t, err)
		return errStock
	})
	require.Same(t, errStock, err)
	news, orders := fates(delivery)
	require.ErrorIs(t, news, signalcast.ErrRolledBack)
	require.ErrorIs(t, orders, signalcast.ErrRolledBack)
	s.requireOrders(t)
}

func TestAnErrorThatWrapsErrCommitUnknownIsARollback(t *testing.T) {
	t.Parallel()
	s := openService(t)
	var delivery *signalcast.Delivery
	err := s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
		delivery, err = s.place(ctx, tx, "1")
		return errors.Join(err, signalcast.ErrCommitUnknown) // of another database
	})
	require.ErrorIs(t, err, signalcast.ErrCommitUnknown)
	_, orders := fates(delivery)
	require.ErrorIs(t, orders, signalcast.ErrRolledBack)
	s.requireOrders(t)
}

func TestInTxWithinInTxIsASavepoint(t *testing.T) {
	t.Parallel()
	s := openService(t)
	place := func(ctx context.Context, number string, result error) error {
		return s.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := s.place(ctx, tx, number)
			return errors.Join(err, result)
		})
	}
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, _ *sql.Tx) error {
		require.NoError(t, place(ctx, "1", nil))
		require.ErrorIs(t, place(ctx, "2", errStock), errStock)
		require.NoError(t, s.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			require.NoError(t, place(ctx, "3", nil))
			require.ErrorIs(t, place(ctx, "4", errStock), errStock)
			require.Panics(t, func() {
				_ = s.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
					_, err := s.place(ctx, tx, "5")
					require.NoError(t, err)
					panic("nested")
				})
			})
			_, err := s.place(ctx, tx, "6")
			return err
		}))
		return nil
	}))
	s.requireOrders(t, "1", "3", "6")
}

func TestInTxReleasesTheConnectionAfterAPanic(t *testing.T) {
	t.Parallel()
	s := openService(t)
	s.db.SetMaxOpenConns(1)
	require.PanicsWithValue(t, "stock", func() {
		_ = s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
			_, err := s.place(ctx, tx, "1")
			require.NoError(t, err)
			panic("stock")
		})
	})
	require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.place(ctx, tx, "2")
		return err
	}))
	s.requireOrders(t, "2")
}

// SQLite rolls back the whole transaction when it interrupts a statement that writes.
func TestInTxReportsARollbackThatTheFunctionIgnored(t *testing.T) {
	t.Parallel()
	s := openService(t)
	err := s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.place(ctx, tx, "1")
		require.NoError(t, err)
		short, cancel := context.WithTimeout(ctx, 250*time.Millisecond) // the statement has begun by then
		defer cancel()
		_, err = tx.ExecContext(short, "INSERT INTO orders WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n) SELECT i, i FROM n")
		require.Error(t, err)
		return nil
	})
	require.ErrorContains(t, err, "the transaction was rolled back before its end")
	s.requireOrders(t)
}

func TestNestedInTxReportsARollbackThatTheFunctionIgnored(t *testing.T) {
	t.Parallel()
	s := openService(t)
	err := s.InTx(t.Context(), func(ctx context.Context, _ *sql.Tx) error {
		require.Error(t, s.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "ROLLBACK")
			require.NoError(t, err)
			return errStock
		}))
		return nil
	})
	require.ErrorContains(t, err, "roll back to a savepoint")
	s.requireOrders(t)
}

func TestInTxHasTheWriteLockFromTheBeginning(t *testing.T) {
	t.Parallel()
	s := openService(t)
	_, err := s.db.ExecContext(t.Context(), "INSERT INTO orders (number) VALUES ('total')")
	require.NoError(t, err)
	const writers, each = 4, 10
	failed := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for range each {
				err = errors.Join(err, s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
					var total int
					if err := tx.QueryRowContext(ctx, "SELECT total FROM orders WHERE number = 'total'").Scan(&total); err != nil {
						return err
					}
					_, err := tx.ExecContext(ctx, "UPDATE orders SET total = ? WHERE number = 'total'", total+1)
					return err
				}))
			}
			failed <- err
		}()
	}
	for range writers {
		require.NoError(t, <-failed)
	}
	var total int
	require.NoError(t, s.db.QueryRowContext(t.Context(), "SELECT total FROM orders WHERE number = 'total'").Scan(&total))
	require.Equal(t, writers*each, total)
}

func TestBusyDatabaseIsReportedUnchanged(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shop.db")
	db := openPragma(t, file, "journal_mode(WAL)")
	store := newStore(t, db)
	require.NoError(t, store.Migrate(t.Context()))
	impatient, err := sql.Open("sqlite", "file:"+file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = impatient.Close() })
	second := newStore(t, impatient)
	require.NoError(t, store.InTx(t.Context(), func(context.Context, *sql.Tx) error {
		err := second.InTx(t.Context(), func(context.Context, *sql.Tx) error { return nil })
		require.Equal(t, busy, code(t, err))
		require.NoError(t, errors.Unwrap(err), "it is the error of the driver")
		return nil
	}))
	require.NoError(t, second.InTx(t.Context(), func(context.Context, *sql.Tx) error { return nil }))
}

// Without WAL, a reader makes COMMIT fail, and nothing is committed.
func TestBusyCommitIsARollback(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "shop.db")
	name := "file:" + file + "?_pragma=busy_timeout(20)&_pragma=journal_mode(DELETE)"
	db, err := sql.Open("sqlite", name)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	store := newStore(t, db)
	require.NoError(t, store.Migrate(t.Context()))
	s := newService(t, store, db)
	reader, err := db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	var n int
	require.NoError(t, reader.QueryRowContext(t.Context(), "SELECT count(*) FROM orders").Scan(&n))
	var delivery *signalcast.Delivery
	place := func(ctx context.Context, tx *sql.Tx) (err error) {
		delivery, err = s.place(ctx, tx, "1")
		return err
	}
	err = s.InTx(t.Context(), place)
	require.Equal(t, busy, code(t, err))
	require.NotErrorIs(t, err, signalcast.ErrCommitUnknown)
	_, orders := fates(delivery)
	require.ErrorIs(t, orders, signalcast.ErrRolledBack)

	require.NoError(t, reader.Rollback())
	require.NoError(t, s.InTx(t.Context(), place), "the caller may run the transaction again")
	s.requireOrders(t, "1")
}

func TestViolatedConstraintAtCommitIsARollback(t *testing.T) {
	t.Parallel()
	s := openService(t)
	_, err := s.db.ExecContext(t.Context(), "CREATE TABLE items (number TEXT REFERENCES orders (number) DEFERRABLE INITIALLY DEFERRED)")
	require.NoError(t, err)
	err = s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "PRAGMA defer_foreign_keys = ON")
		require.NoError(t, err)
		_, err = s.place(ctx, tx, "1")
		return err
	})
	require.NoError(t, err)
	s.db.SetMaxOpenConns(1)
	_, err = s.db.ExecContext(t.Context(), "PRAGMA foreign_keys = ON")
	require.NoError(t, err)
	err = s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.place(ctx, tx, "2")
		require.NoError(t, err)
		_, err = tx.ExecContext(ctx, "INSERT INTO items VALUES ('3')")
		return err
	})
	require.Equal(t, constraint, code(t, err))
	s.requireOrders(t, "1")
}

func TestOutcomeOfAFailedCommit(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		commit  func(commit func() error) error
		unknown bool
		orders  []string
	}{
		"reply lost":           {func(commit func() error) error { return errors.Join(commit(), errStock) }, true, []string{"1"}},
		"the transaction open": {func(func() error) error { return errStock }, false, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &faults{}
			db := openFaulty(t, dsn(filepath.Join(t.TempDir(), "shop.db"), "journal_mode(WAL)"), f)
			store := newStore(t, db)
			require.NoError(t, store.Migrate(t.Context()))
			s := newService(t, store, db)
			f.commit = test.commit
			var delivery *signalcast.Delivery
			err := s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) (err error) {
				delivery, err = s.place(ctx, tx, "1")
				return err
			})
			require.ErrorIs(t, err, errStock)
			require.Equal(t, test.unknown, errors.Is(err, signalcast.ErrCommitUnknown))
			news, orders := fates(delivery)
			for _, fate := range []error{news, orders} {
				failure, ok := errors.AsType[*signalcast.DeliveryError](fate)
				require.True(t, ok)
				require.Equal(t, test.unknown, failure.Fate == signalcast.FateUnknown)
			}
			require.Empty(t, s.backend.Messages())
			require.Equal(t, test.orders, s.numbers(t))
			require.Equal(t, test.orders, s.keys(t))

			err = s.Insert(t.Context(), []*signalcast.Message{{Topic: "t", Event: &signalcast.Envelope{}}})
			require.Equal(t, test.unknown, errors.Is(err, signalcast.ErrCommitUnknown))
			f.commit = nil
			require.NoError(t, s.InTx(t.Context(), func(ctx context.Context, tx *sql.Tx) error {
				_, err := s.place(ctx, tx, "2")
				return err
			}), "the connections work")
		})
	}
}

func TestUnitTooLargeIsRejectedAtTheEventThatDoesNotFit(t *testing.T) {
	t.Parallel()
	s := openService(t)
	err := s.InTx(t.Context(), func(ctx context.Context, _ *sql.Tx) error {
		for n := range signalcast.MaxUnitMessages/2 + 1 {
			if err := s.placed.Send(ctx, s.registry, order{Number: strconv.Itoa(n)}); err != nil {
				require.Equal(t, signalcast.MaxUnitMessages/2, n, "each event has two messages")
				return err
			}
		}
		return nil
	})
	require.ErrorIs(t, err, signalcast.ErrTooLarge)
	s.requireOrders(t)
}

func TestInTxIsRolledBackWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	s := openService(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.InTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := s.place(ctx, tx, "1")
		cancel()
		return err
	})
	require.ErrorIs(t, err, context.Canceled)
	s.requireOrders(t)
}
