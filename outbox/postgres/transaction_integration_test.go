//go:build integration

package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
)

var errShop = errors.New("out of stock")

// business creates a table of the application and returns its name.
func (s *shop) business(t testing.TB) string {
	t.Helper()
	name := s.table + "_app"
	exec(t, s.pool, "create table "+name+" (id int primary key, parent int references "+name+" deferrable initially deferred)")
	t.Cleanup(func() { exec(t, s.pool, "drop table "+name) })
	return name
}

func TestInTxCommitsChangesAndMessagesTogether(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	app := s.business(t)
	var delivery *signalcast.Delivery
	require.NoError(t, s.store.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into "+app+" values (1)")
		require.NoError(t, err)
		require.NoError(t, s.send(ctx, "ann", 1))
		delivery, err = s.placed.SendAsync(ctx, s.registry, order{"bob", 2})
		require.NoError(t, err)
		require.NoError(t, s.seen.Send(ctx, s.registry, order{"ann", 1}))
		require.Empty(t, s.stored(t))
		require.Empty(t, s.backend.Messages())
		return nil
	}))
	require.Equal(t, []string{"ann 1", "bob 2"}, s.stored(t))
	require.NoError(t, delivery.Wait(t.Context()))
	require.NoError(t, s.backend.Wait(t.Context(), func() bool { return len(s.backend.Messages("seen")) == 1 }))
	require.Equal(t, 1, query[int](t, s.pool, "select count(*) from "+app))
}

func TestInTxReturnsTheErrorOfTheFunctionAndStoresNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	app := s.business(t)
	var delivery *signalcast.Delivery
	err := s.store.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "insert into "+app+" values (1)")
		require.NoError(t, err)
		delivery, err = s.placed.SendAsync(ctx, s.registry, order{"ann", 1})
		require.NoError(t, err)
		return errShop
	})
	require.Equal(t, errShop, err)
	require.ErrorIs(t, delivery.Wait(t.Context()), signalcast.ErrRolledBack)
	require.Empty(t, s.stored(t))
	require.Zero(t, query[int](t, s.pool, "select count(*) from "+app))
}

func TestInTxRollsBackOnAPanicAndPanicsOn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, nested := range []bool{false, true} {
		require.PanicsWithValue(t, errShop, func() {
			_ = s.store.InTx(t.Context(), func(ctx context.Context, _ pgx.Tx) error {
				if nested {
					return s.store.InTx(ctx, func(ctx context.Context, _ pgx.Tx) error {
						require.NoError(t, s.send(ctx, "ann", 1))
						panic(errShop)
					})
				}
				require.NoError(t, s.send(ctx, "ann", 1))
				panic(errShop)
			})
		})
	}
	require.Empty(t, s.stored(t))
	require.Zero(t, s.pool.Stat().AcquiredConns())
}

func TestNestedInTxIsASavepoint(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	app := s.business(t)
	change := func(ctx context.Context, tx pgx.Tx, n int) {
		_, err := tx.Exec(ctx, "insert into "+app+" values ($1)", n)
		require.NoError(t, err)
		require.NoError(t, s.send(ctx, "ann", int64(n)))
	}
	require.NoError(t, s.store.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		change(ctx, tx, 1)
		require.Equal(t, errShop, s.store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			change(ctx, tx, 2)
			return errShop
		}))
		require.NoError(t, s.store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			change(ctx, tx, 3)
			require.PanicsWithValue(t, 4, func() {
				_ = s.store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
					change(ctx, tx, 4)
					panic(4)
				})
			})
			return nil
		}))
		// A statement that fails ends the savepoint, and not the transaction.
		require.Error(t, s.store.InTx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			require.NoError(t, s.send(ctx, "ann", 5))
			_, _ = tx.Exec(ctx, "not sql")
			return nil
		}))
		// A savepoint is rolled back even if its context has ended.
		ended, cancel := context.WithCancel(ctx)
		require.Equal(t, errShop, s.store.InTx(ended, func(ctx context.Context, tx pgx.Tx) error {
			change(ctx, tx, 6)
			cancel()
			return errShop
		}))
		// So is one that the function makes itself.
		p, err := tx.Begin(ctx)
		require.NoError(t, err)
		change(ctx, p, 7)
		inner, err := p.Begin(ctx)
		require.NoError(t, err)
		change(ctx, inner, 8)
		require.NoError(t, inner.Rollback(ctx))
		require.ErrorIs(t, inner.Rollback(ctx), pgx.ErrTxClosed)
		_, err = inner.Exec(ctx, "select 1")
		require.ErrorIs(t, err, pgx.ErrTxClosed)
		require.NoError(t, p.Commit(ctx))
		change(ctx, tx, 9)
		return nil
	}))
	require.Equal(t, []string{"ann 1", "ann 3", "ann 7", "ann 9"}, s.stored(t))
	require.Equal(t, "1379", query[string](t, s.pool, "select string_agg(id::text, '' order by id) from "+app))
}

func TestFunctionCannotEndOrOutliveItsTransaction(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var kept pgx.Tx
	var old context.Context
	require.NoError(t, s.store.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		require.ErrorIs(t, tx.Commit(ctx), postgres.ErrManagedTx)
		require.ErrorIs(t, tx.Rollback(ctx), postgres.ErrManagedTx)
		kept, old = tx, ctx
		return s.send(ctx, "ann", 1)
	}))
	require.Equal(t, []string{"ann 1"}, s.stored(t))
	ctx := t.Context()
	_, err := kept.Exec(ctx, "select 1")
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	_, err = kept.Query(ctx, "select 1")
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	_, err = kept.Begin(ctx)
	require.ErrorIs(t, err, pgx.ErrTxClosed)
	require.ErrorIs(t, kept.QueryRow(ctx, "select 1").Scan(), pgx.ErrTxClosed)
	batch := &pgx.Batch{}
	batch.Queue("select 1")
	require.ErrorIs(t, kept.SendBatch(ctx, batch).Close(), pgx.ErrTxClosed)
	require.ErrorIs(t, kept.Rollback(ctx), pgx.ErrTxClosed)
	require.ErrorIs(t, s.send(old, "ann", 2), signalcast.ErrUnitEnded)
	require.ErrorIs(t, s.store.InTx(old, func(context.Context, pgx.Tx) error { return nil }), signalcast.ErrUnitEnded)
}

func TestTransactionThatCannotBeCommittedIsAnError(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	app := s.business(t)
	for name, c := range map[string]struct {
		f    func(ctx context.Context, tx pgx.Tx) error
		want error
	}{
		"a failed statement whose error was ignored": {func(ctx context.Context, tx pgx.Tx) error {
			_, _ = tx.Exec(ctx, "not sql")
			return nil
		}, pgx.ErrTxCommitRollback},
		"COMMIT in SQL": {func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "commit")
			return err
		}, signalcast.ErrCommitUnknown},
		"open rows": {func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Query(ctx, "select generate_series(1, 100000)")
			return err
		}, nil},
		"a deferred constraint": {func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "insert into "+app+" values (1, 2)")
			return err
		}, nil},
	} {
		err := s.store.InTx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			require.NoError(t, s.send(ctx, "ann", 1))
			return c.f(ctx, tx)
		})
		require.Error(t, err, name)
		if c.want != nil {
			require.ErrorIs(t, err, c.want, name)
		}
		if !errors.Is(c.want, signalcast.ErrCommitUnknown) {
			require.NotErrorIs(t, err, signalcast.ErrCommitUnknown, name)
		}
	}
	require.Empty(t, s.stored(t))
	require.Zero(t, s.pool.Stat().AcquiredConns())
}

func TestSerializationFailureCanBeRetried(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	app := s.business(t)
	exec(t, s.pool, "insert into "+app+" values (1)")
	serializable := pgx.TxOptions{IsoLevel: pgx.Serializable}
	failures := 0
	add := func(n int) error {
		for {
			err := s.store.InTxOptions(t.Context(), serializable, func(ctx context.Context, tx pgx.Tx) error {
				var next int
				if err := tx.QueryRow(ctx, "select max(id) + 1 from "+app).Scan(&next); err != nil {
					return err
				}
				if _, err := tx.Exec(ctx, "insert into "+app+" values ($1)", next); err != nil {
					return err
				}
				return s.send(ctx, "key "+strconv.Itoa(n), int64(next))
			})
			pgErr, ok := errors.AsType[*pgconn.PgError](err)
			if !ok || pgErr.Code != "40001" && pgErr.Code != "23505" {
				return err
			}
			failures++
		}
	}
	// The first attempt of one of two transactions fails.
	started := make(chan struct{})
	var once sync.Once
	err := s.store.InTxOptions(t.Context(), serializable, func(ctx context.Context, tx pgx.Tx) error {
		once.Do(func() { close(started) })
		next := query[int](t, tx, "select max(id) + 1 from "+app)
		require.NoError(t, add(1))
		if _, err := tx.Exec(ctx, "insert into "+app+" values ($1)", next+10); err != nil {
			return err
		}
		return s.send(ctx, "ann", int64(next))
	})
	require.NotErrorIs(t, err, signalcast.ErrCommitUnknown)
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok)
	require.Equal(t, "40001", pgErr.Code)
	require.NoError(t, add(2))
	require.Equal(t, []string{"key 1 2", "key 2 3"}, s.stored(t))
	require.Zero(t, failures)
}

func TestOptionsOfANestedTransactionMustBeThoseOfTheOuterOne(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	serializable := pgx.TxOptions{IsoLevel: pgx.Serializable}
	nothing := func(context.Context, pgx.Tx) error { return nil }
	require.NoError(t, s.store.InTxOptions(t.Context(), serializable, func(ctx context.Context, tx pgx.Tx) error {
		require.Equal(t, "serializable", query[string](t, tx, "show transaction_isolation"))
		require.NoError(t, s.store.InTx(ctx, nothing))
		require.NoError(t, s.store.InTxOptions(ctx, serializable, nothing))
		require.ErrorContains(t, s.store.InTxOptions(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, nothing), "found other options")
		return nil
	}))
	require.ErrorContains(t, s.store.InTxOptions(t.Context(), pgx.TxOptions{CommitQuery: "commit"}, nothing), "CommitQuery")
}

func TestUnitThatIsTooLargeRejectsFurtherEvents(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.NoError(t, s.store.InTx(t.Context(), func(ctx context.Context, _ pgx.Tx) error {
		for i := range signalcast.MaxUnitMessages {
			require.NoError(t, s.send(ctx, "ann", int64(i)))
		}
		require.ErrorIs(t, s.send(ctx, "ann", 0), signalcast.ErrTooLarge)
		return nil
	}))
	require.Len(t, s.stored(t), signalcast.MaxUnitMessages)
}

func TestMessagesOutsideAUnitAreStoredAtOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.NoError(t, s.send(t.Context(), "ann", 1))
	require.Equal(t, []string{"ann 1"}, s.stored(t))
}

func TestPoolOfOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *postgres.Config) {
		c.Pool = newPool(t, func(c *pgxpool.Config) { c.MaxConns = 1 })
		c.Notify = true
	})
	r := newReader(t, s.store)
	for range 3 {
		require.NoError(t, s.store.InTx(t.Context(), func(ctx context.Context, _ pgx.Tx) error { return s.send(ctx, "ann", 1) }))
		require.Len(t, fetch(t, r, 10), 1)
	}
}

// lockLane holds the lane of a key until the returned function is called.
func (s *shop) lockLane(t testing.TB, key string) (unlock func()) {
	t.Helper()
	lane := outbox.LaneOf(&signalcast.Message{Topic: "orders", Key: s.keyOf(t, key)})
	tx, err := s.pool.Begin(context.Background())
	require.NoError(t, err)
	_, err = tx.Exec(context.Background(), "select pg_advisory_xact_lock('"+s.table+"'::regclass::oid::int4, $1)", lane)
	require.NoError(t, err)
	return sync.OnceFunc(func() { require.NoError(t, tx.Rollback(context.Background())) })
}

// keyOf returns the encoded key of a customer.
func (s *shop) keyOf(t testing.TB, customer string) []byte {
	t.Helper()
	store := &capture{}
	probe := &shop{registry: signalcast.NewRegistry(), placed: s.placed, seen: s.seen, backend: s.backend}
	require.NoError(t, probe.registry.Register(s.placed, s.seen))
	d, err := signalcast.NewDispatcher(context.Background(), probe.registry, signalcast.ProducerConfig{
		s.placed.EventType(): {"orders": {EventKeyField: new("customer"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)}},
	}, s.backend, signalcast.WithOutbox(store), signalcast.WithSharedBackend())
	require.NoError(t, err)
	require.NoError(t, probe.send(context.Background(), customer, 0))
	require.NoError(t, d.Close(context.Background()))
	return store.key
}

// capture is an outbox that keeps the key of the last message.
type capture struct{ key []byte }

func (*capture) Prepare(context.Context, []signalcast.Route) error { return nil }

func (c *capture) Insert(_ context.Context, messages []*signalcast.Message) error {
	c.key = append([]byte(nil), messages[0].Key...)
	return nil
}

// waiters returns the number of writers that wait for a lane.
func (s *shop) waiters(t testing.TB) int {
	t.Helper()
	return query[int](t, s.pool, "select count(*) from pg_locks where locktype = 'advisory' and not granted and classid = '"+s.table+"'::regclass::oid")
}

func TestEndOfTheContextWhileWaitingForALaneHasAKnownOutcome(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	unlock := s.lockLane(t, "ann")
	defer unlock()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	failed := make(chan error, 2)
	go func() {
		failed <- s.store.InTx(ctx, func(ctx context.Context, _ pgx.Tx) error { return s.send(ctx, "ann", 1) })
	}()
	go func() { failed <- s.send(ctx, "ann", 2) }()
	eventually(t, func() bool { return s.waiters(t) == 2 })
	cancel()
	for range 2 {
		err := <-failed
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, signalcast.ErrCommitUnknown)
	}
	unlock()
	require.NoError(t, s.send(t.Context(), "ann", 3))
	require.Equal(t, []string{"ann 3"}, s.stored(t))
}

func TestTerminationWhileWaitingForALaneHasAKnownOutcome(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	unlock := s.lockLane(t, "ann")
	defer unlock()
	failed := make(chan error, 1)
	go func() {
		failed <- s.store.InTx(t.Context(), func(ctx context.Context, _ pgx.Tx) error { return s.send(ctx, "ann", 1) })
	}()
	eventually(t, func() bool { return s.waiters(t) == 1 })
	exec(t, s.pool, "select pg_terminate_backend(pid) from pg_locks where not granted and classid = '"+s.table+"'::regclass::oid")
	err := <-failed
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "57P01", pgErr.Code)
	require.NotErrorIs(t, err, signalcast.ErrCommitUnknown)
	unlock()
	require.Empty(t, s.stored(t))
}
