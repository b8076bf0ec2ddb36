//go:build integration

package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
)

func TestLeaseHasOneHolderByTheClockOfTheDatabase(t *testing.T) {
	t.Parallel()
	pool, table := newPool(t), tableName()
	s := newStore(t, func(c *postgres.Config) { c.Pool, c.Table = pool, table })
	a, err := s.Acquire(t.Context(), "a", time.Minute)
	require.NoError(t, err)
	require.Equal(t, "a", a.Holder)
	renewed, err := s.Acquire(t.Context(), "a", 2*time.Minute)
	require.NoError(t, err)
	require.Equal(t, a.Token, renewed.Token)
	require.Greater(t, renewed.Until, a.Until)
	other, err := s.Acquire(t.Context(), "b", time.Minute)
	require.ErrorIs(t, err, outbox.ErrLeaseLost)
	require.Equal(t, renewed, other)

	exec(t, pool, "update "+table+"_lease set until = clock_timestamp()")
	b, err := s.Acquire(t.Context(), "b", time.Minute)
	require.NoError(t, err)
	require.Greater(t, b.Token, a.Token)
	require.NoError(t, s.Release(t.Context(), a), "a lease that is lost")
	_, err = s.Acquire(t.Context(), "a", time.Minute)
	require.ErrorIs(t, err, outbox.ErrLeaseLost)
	require.ErrorIs(t, s.Record(t.Context(), a, nil), outbox.ErrLeaseLost)
	require.NoError(t, s.Release(t.Context(), b))
	require.ErrorIs(t, s.Record(t.Context(), b, nil), outbox.ErrLeaseLost)
	again, err := s.Acquire(t.Context(), "a", time.Minute)
	require.NoError(t, err)
	require.Greater(t, again.Token, b.Token)
	_, err = s.Acquire(t.Context(), "", time.Minute)
	require.ErrorContains(t, err, "found no holder")
}

func TestOneOfManyRelaysGetsTheLease(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	var acquiring sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for holder := range strings.SplitSeq("abcdefgh", "") {
		acquiring.Go(func() {
			if _, err := s.Acquire(context.Background(), holder, time.Minute); err == nil {
				mu.Lock()
				defer mu.Unlock()
				won++
			}
		})
	}
	acquiring.Wait()
	require.Equal(t, 1, won)
}

func TestParkedRowsAreListedRetriedAndDropped(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	r := newReader(t, s)
	var messages []*signalcast.Message
	for _, value := range []string{"a", "b", "c", "d", "e", "f"} {
		messages = append(messages, message("orders", "k", value))
	}
	require.NoError(t, s.Insert(t.Context(), messages))
	rows := fetch(t, r, 10)
	all := sequences(rows)
	lease, err := s.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Record(t.Context(), lease, []outbox.Attempt{
		{Sequence: all[0], Attempts: 3, Err: "too large", Park: true},
		{Sequence: all[1], Attempts: 4, Err: "too large", Park: true},
		{Sequence: all[2], Attempts: 5, Err: "refused", Park: true},
		{Sequence: all[3], Attempts: 1, Err: "refused"},
		{Sequence: 1 << 40, Attempts: 1, Err: "gone"},
	}))
	status, err := s.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int64{3, 3, 1}, []int64{status.Pending, status.Parked, status.Failing})
	require.Equal(t, lease.Token, status.Lease.Token)
	require.Equal(t, "relay", status.Lease.Holder)
	require.WithinDuration(t, rows[3].StoredAt, status.Oldest, 0)
	require.False(t, status.Now.Before(status.Oldest))

	require.Equal(t, []string{"d", "e", "f"}, values(fetch(t, newReader(t, s), 10)), "parked rows are not read")
	require.Equal(t, []string{"d", "e", "f"}, values(laneOf(t, r, rows[0], 0, 10)))
	parked, err := s.List(t.Context(), outbox.Filter{})
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, values(parked))
	require.Equal(t, 5, parked[2].Attempts)
	require.Equal(t, "refused", parked[2].LastError)
	require.NotZero(t, parked[2].ParkedAt)
	require.Equal(t, []string{"d"}, values(must(s.List(t.Context(), outbox.Filter{Pending: true, Limit: 1, Topic: "orders"}))(t)))
	require.Empty(t, must(s.List(t.Context(), outbox.Filter{EventType: "other"}))(t))

	_, err = s.Retry(t.Context(), outbox.Filter{Pending: true})
	require.ErrorContains(t, err, "pending rows")
	n, err := s.Retry(t.Context(), outbox.Filter{Limit: 2})
	require.NoError(t, err)
	require.Equal(t, 2, n)
	retried := fetch(t, r, 10)
	require.Equal(t, []string{"a", "b"}, values(retried))
	require.Greater(t, retried[0].Sequence, all[5], "the end of the lane")
	require.Zero(t, retried[0].Attempts)
	require.Empty(t, retried[0].LastError)
	require.WithinDuration(t, rows[0].StoredAt, retried[0].StoredAt, 0)
	n, err = s.Drop(t.Context(), outbox.Filter{Sequences: all})
	require.NoError(t, err)
	require.Equal(t, 1, n, "only parked rows")
	n, err = s.Drop(t.Context(), outbox.Filter{Pending: true, Sequences: all[3:4]})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, s.Delete(t.Context(), append(all, 1<<40)))
	require.NoError(t, s.Delete(t.Context(), nil))
	require.Equal(t, []string{"a", "b"}, values(list(t, s)))
	require.NoError(t, s.Record(t.Context(), lease, nil))
	require.NoError(t, s.Release(t.Context(), lease))
	status, err = s.Status(t.Context())
	require.NoError(t, err)
	require.Empty(t, status.Lease.Holder)
}

// must returns a function that returns the rows if there is no error.
func must(rows []outbox.Row, err error) func(t testing.TB) []outbox.Row {
	return func(t testing.TB) []outbox.Row {
		t.Helper()
		require.NoError(t, err)
		return rows
	}
}

func TestRetryWaitsForTheLane(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.NoError(t, s.send(t.Context(), "ann", 1))
	lease, err := s.store.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.store.Record(t.Context(), lease, []outbox.Attempt{{Sequence: list(t, s.store)[0].Sequence, Attempts: 1, Err: "e", Park: true}}))
	open := s.begin(t, "ann", 2)
	retried := make(chan int, 1)
	go func() {
		n, err := s.store.Retry(context.Background(), outbox.Filter{})
		if err != nil {
			t.Errorf("Retry: %v", err)
		}
		retried <- n
	}()
	eventually(t, func() bool { return s.waiters(t) == 1 })
	open.commit(t)
	require.Equal(t, 1, <-retried)
	require.Equal(t, []string{"ann 2", "ann 1"}, s.stored(t))
}

func TestMigrateIsSafeAtAnyTime(t *testing.T) {
	t.Parallel()
	pool, table := newPool(t), "public."+strings.ToUpper(tableName())
	quoted := func(suffix string) string { return `public."` + strings.TrimPrefix(table, "public.") + suffix + `"` }
	s, err := postgres.New(postgres.Config{Pool: pool, Table: table})
	require.NoError(t, err)
	t.Cleanup(func() {
		for _, suffix := range []string{"", "_schemas", "_lease", "_version"} {
			exec(t, pool, "drop table "+quoted(suffix))
		}
	})
	var migrating sync.WaitGroup
	for range 4 {
		migrating.Go(func() {
			if err := s.Migrate(context.Background()); err != nil {
				t.Errorf("Migrate: %v", err)
			}
		})
	}
	migrating.Wait()
	require.NoError(t, s.Prepare(t.Context(), nil))
	require.NoError(t, s.Insert(t.Context(), variety()))
	require.Len(t, list(t, s), 4)

	exec(t, pool, "insert into "+quoted("_version")+" values (1000)")
	require.NoError(t, s.Prepare(t.Context(), nil), "a newer version")
	require.NoError(t, s.Migrate(t.Context()))
	exec(t, pool, "delete from "+quoted("_version"))
	var old *outbox.SchemaError
	require.ErrorAs(t, s.Prepare(t.Context(), nil), &old)
	require.Equal(t, outbox.SchemaError{Table: table, Want: 1}, *old)
	exec(t, pool, "insert into "+quoted("_version")+" values (1)")
}

func TestPrintedMigrationsAreThoseOfMigrate(t *testing.T) {
	t.Parallel()
	pool, table := newPool(t), tableName()
	s, err := postgres.New(postgres.Config{Pool: pool, Table: table})
	require.NoError(t, err)
	for _, text := range s.Migrations() {
		exec(t, pool, text)
	}
	require.NoError(t, s.Migrate(t.Context()))
	require.NoError(t, s.Prepare(t.Context(), nil))
	for _, suffix := range []string{"", "_schemas", "_lease", "_version"} {
		exec(t, pool, "drop table "+table+suffix)
	}
}

func TestPrepareReportsMissingRights(t *testing.T) {
	t.Parallel()
	admin, table := newPool(t), tableName()
	newStore(t, func(c *postgres.Config) { c.Pool, c.Table = admin, table })
	role := "r" + table
	exec(t, admin, "create role "+role+" login")
	t.Cleanup(func() {
		exec(t, admin, "drop owned by "+role)
		exec(t, admin, "drop role "+role)
	})
	pool := newPool(t, func(c *pgxpool.Config) { c.ConnConfig.User = role })
	s, err := postgres.New(postgres.Config{Pool: pool, Table: table})
	require.NoError(t, err)
	var server *pgconn.PgError
	require.ErrorAs(t, s.Prepare(t.Context(), nil), &server)
	require.Equal(t, "42501", server.Code)
	exec(t, admin, "grant select on "+table+"_version to "+role)
	for _, name := range []string{table, table + "_schemas"} {
		var missing *postgres.PrivilegeError
		require.ErrorAs(t, s.Prepare(t.Context(), nil), &missing)
		require.Equal(t, postgres.PrivilegeError{Role: role, Table: `"` + name + `"`, Privilege: "INSERT"}, *missing)
		exec(t, admin, "grant insert on "+name+" to "+role)
	}
	require.NoError(t, s.Prepare(t.Context(), nil))
	require.NoError(t, s.Insert(t.Context(), variety()), "a writer needs no other right")
	require.NoError(t, s.InTx(t.Context(), func(context.Context, pgx.Tx) error { return nil }))

	// A relay needs no right to read the sequence.
	exec(t, admin, "grant select, update, delete on "+table+" to "+role)
	exec(t, admin, "grant select on "+table+"_schemas to "+role)
	exec(t, admin, "grant select, insert, update on "+table+"_lease to "+role)
	r := newReader(t, s)
	require.Len(t, fetch(t, r, 10), 4)
	require.Empty(t, fetch(t, r, 10))
	_, err = s.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	require.NoError(t, s.Delete(t.Context(), []int64{1}))
}
