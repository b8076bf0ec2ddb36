//go:build integration

package postgres_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/postgres"
)

// joined is an open transaction with a written message.
type joined struct {
	tx   pgx.Tx
	unit *postgres.Unit
}

func (s *shop) begin(t testing.TB, customer string, number int64) *joined {
	t.Helper()
	tx, err := s.pool.Begin(context.Background())
	require.NoError(t, err)
	ctx, unit := s.store.Join(context.Background(), tx)
	require.NoError(t, s.send(ctx, customer, number))
	require.NoError(t, unit.Write(ctx))
	return &joined{tx, unit}
}

func (j *joined) commit(t testing.TB) {
	t.Helper()
	require.NoError(t, j.unit.End(j.tx.Commit(context.Background())))
}

func (j *joined) rollback(t testing.TB) {
	t.Helper()
	require.NoError(t, j.tx.Rollback(context.Background()))
	require.NoError(t, j.unit.End(errShop))
}

func TestRowOfATransactionThatCommitsLastIsReturnedLater(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := newReader(t, s.store)
	first := s.begin(t, "ann", 1)
	require.NoError(t, s.send(t.Context(), "bob", 2))
	for range 5 {
		require.NoError(t, s.send(t.Context(), "bob", 3))
	}
	require.Equal(t, []string{"bob 2", "bob 3", "bob 3", "bob 3", "bob 3", "bob 3"}, ordersOf(t, fetch(t, r, 100)))
	for range 5 {
		require.Empty(t, fetch(t, r, 100))
	}
	first.commit(t)
	require.NoError(t, s.send(t.Context(), "ann", 4))
	require.Equal(t, []string{"ann 1", "ann 4"}, ordersOf(t, fetch(t, r, 100)))
}

func TestTransactionsOfOneLaneCommitOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	first := s.begin(t, "ann", 1)
	second := make(chan error, 1)
	go func() { second <- s.send(context.Background(), "ann", 2) }()
	eventually(t, func() bool { return s.waiters(t) == 1 })
	require.NoError(t, s.send(t.Context(), "bob", 3))
	first.commit(t)
	require.NoError(t, <-second)
	require.Equal(t, []string{"ann 1", "bob 3", "ann 2"}, s.stored(t))
}

func TestConcurrentTransactionsOfOneLaneDoNotWait(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *postgres.Config) { c.Concurrent = true })
	r := newReader(t, s.store)
	first := s.begin(t, "ann", 1)
	require.NoError(t, s.send(t.Context(), "ann", 2))
	require.Equal(t, []string{"ann 2"}, ordersOf(t, fetch(t, r, 10)))
	for range 5 {
		require.Empty(t, fetch(t, r, 10), "the gap stays open")
	}
	first.commit(t)
	require.Equal(t, []string{"ann 1"}, ordersOf(t, fetch(t, r, 10)))
}

func TestPreparedTransactionIsReadWhenItIsCommitted(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := newReader(t, s.store)
	prepared := s.begin(t, "ann", 1)
	require.NoError(t, s.send(t.Context(), "bob", 2))
	require.Len(t, fetch(t, r, 10), 1)
	require.Empty(t, fetch(t, r, 10))
	_, err := prepared.tx.Exec(t.Context(), "prepare transaction '"+s.table+"'")
	require.NoError(t, err)
	for range 5 {
		require.Empty(t, fetch(t, r, 10))
	}
	exec(t, s.pool, "commit prepared '"+s.table+"'")
	require.Equal(t, []string{"ann 1"}, ordersOf(t, fetch(t, r, 10)))
	require.NoError(t, prepared.tx.Rollback(t.Context()))
	require.NoError(t, prepared.unit.End(nil))
}

// statements collects the statements that the reader of a pool executes.
type statements struct {
	mu   sync.Mutex
	last map[string][]any // by prefix of the statement
}

func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range data.Batch.QueuedQueries {
		s.last[q.SQL] = q.Arguments
	}
	return ctx
}
func (*statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}
func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (*statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// with returns the executed statement with all parts, and its arguments.
func (s *statements) with(t testing.TB, parts ...string) (sql string, args []any) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
search:
	for sql, args := range s.last {
		for _, part := range parts {
			if !strings.Contains(sql, part) {
				continue search
			}
		}
		return sql, args
	}
	require.Fail(t, "no statement", "%v", parts)
	return "", nil
}

func TestStatementsUseIndexesInAnEmptyTableAndInALargeOne(t *testing.T) {
	t.Parallel()
	seen := &statements{last: map[string][]any{}}
	s := newShop(t, func(c *postgres.Config) {
		c.Pool = newPool(t, func(c *pgxpool.Config) { c.ConnConfig.Tracer = seen })
	})
	r := newReader(t, s.store)
	for n := range 4 {
		if n == 2 {
			exec(t, s.pool, "insert into "+s.table+" (topic, lane, event_id, event_time, minor_version, event_type, source, source_host, source_lib, content_type, value)"+
				" select 'orders', i % 256, gen_random_uuid(), now(), 0, 't', 's', 'h', '1', 'c', repeat('x', 100)::bytea from generate_series(1, 20000) i")
			exec(t, s.pool, "analyze "+s.table)
		}
		open := s.begin(t, "ann", 1)
		require.NoError(t, s.send(t.Context(), "bob", 2))
		fetch(t, r, 2)
		fetch(t, r, 2)
		_, err := r.FetchLane(t.Context(), "orders", 1, 0, 10)
		require.NoError(t, err)
		require.NoError(t, s.store.Delete(t.Context(), []int64{1, 2}))
		require.NoError(t, func() error {
			l, err := s.store.Acquire(t.Context(), "a", time.Minute)
			require.NoError(t, err)
			return s.store.Record(t.Context(), l, []outbox.Attempt{{Sequence: 3, Attempts: 1, Err: "e"}})
		}())
		open.rollback(t)

		settings, _ := seen.with(t, "set_config")
		for index, parts := range map[string][]string{
			"_pkey": {"where sequence > "}, "_pkey ": {"unnest", "cross join lateral"}, "_lane": {"where topic = "},
			"_pkey  ": {"delete from", "any($1"}, "_pkey   ": {"with held"},
		} {
			sql, args := seen.with(t, parts...)
			plan := explain(t, s.pool, settings, sql, args)
			require.Contains(t, plan, "Index Scan using "+s.table+strings.TrimSpace(index), plan)
			require.NotContains(t, plan, "Seq Scan on "+s.table+" ", plan)
		}
	}
}

func explain(t testing.TB, pool *pgxpool.Pool, settings, sql string, args []any) string {
	t.Helper()
	tx, err := pool.Begin(context.Background())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.Background())) }()
	_, err = tx.Exec(context.Background(), settings)
	require.NoError(t, err)
	rows, err := tx.Query(context.Background(), "explain "+sql, args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}

// buffers returns the number of pages that one Fetch reads.
func buffers(t testing.TB, seen *statements, pool *pgxpool.Pool, parts ...string) string {
	t.Helper()
	sql, args := seen.with(t, parts...)
	settings, _ := seen.with(t, "set_config")
	return explain(t, pool, settings, "(analyze, buffers, costs off, timing off, summary off) "+sql, args)
}

func TestFetchDoesNotReadDeadRowsAgain(t *testing.T) {
	t.Parallel()
	seen := &statements{last: map[string][]any{}}
	s := newStore(t, func(c *postgres.Config) {
		c.Pool = newPool(t, func(c *pgxpool.Config) { c.ConnConfig.Tracer = seen })
	})
	admin := newPool(t)
	snapshot, err := admin.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead}) // keeps dead rows from being removed
	require.NoError(t, err)
	query[int](t, snapshot, "select 1")
	defer func() { require.NoError(t, snapshot.Rollback(context.Background())) }()
	var messages []*signalcast.Message
	for range 5000 {
		messages = append(messages, message("orders", "k", "v"))
	}
	require.NoError(t, s.Insert(t.Context(), messages))
	drop := func() {
		n, err := s.Drop(t.Context(), outbox.Filter{Pending: true})
		require.NoError(t, err)
		require.Equal(t, 5000, n)
	}
	drop()
	r := newReader(t, s) // begins with dead rows only
	for range 5 {
		require.Empty(t, fetch(t, r, 100))
	}
	plan, _, _ := strings.Cut(buffers(t, seen, admin, "where sequence > "), "Planning:")
	require.NotRegexp(t, `shared hit=\d{2}`, plan)

	require.NoError(t, s.Insert(t.Context(), messages))
	require.Len(t, fetch(t, r, 5000), 5000)
	drop()
	fetch(t, r, 100)
	plan, _, _ = strings.Cut(buffers(t, seen, admin, "where sequence > "), "Planning:")
	require.NotRegexp(t, `shared hit=\d{2}`, plan)
}

func TestManyRolledBackTransactionsBesideAnOpenOne(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := newReader(t, s.store)
	open := s.begin(t, "ann", 1)
	read := 0
	for i := range 600 {
		exec(t, s.pool, "select nextval('"+s.table+"_sequence')") // a sequence without a row
		require.NoError(t, s.send(t.Context(), "bob", int64(i)))
		rows := fetch(t, r, 10)
		read += len(rows)
		require.NoError(t, s.store.Delete(t.Context(), sequences(rows)))
	}
	require.Equal(t, 600, read)
	open.commit(t)
	require.Equal(t, []string{"ann 1"}, ordersOf(t, fetch(t, r, 10)))
}

func TestHugeGapIsOneRange(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := newReader(t, s.store)
	require.NoError(t, s.send(t.Context(), "ann", 1))
	exec(t, s.pool, "alter sequence "+s.table+"_sequence restart 4000000000000000000")
	require.NoError(t, s.send(t.Context(), "ann", 2))
	require.Equal(t, []string{"ann 1", "ann 2"}, ordersOf(t, fetch(t, r, 10)))
	for range 5 {
		require.Empty(t, fetch(t, r, 10))
	}
	require.NoError(t, s.send(t.Context(), "ann", 3))
	require.Equal(t, []string{"ann 3"}, ordersOf(t, fetch(t, r, 10)))
}

func TestWaitReturnsAfterACommitOfTheStore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := newReader(t, s.store)
	require.Empty(t, fetch(t, r, 1))
	require.NoError(t, s.send(t.Context(), "ann", 1))
	r.Wait(t.Context())
	r.Wait(t.Context()) // until the next Fetch
	require.Len(t, fetch(t, r, 1), 1)
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan struct{})
	go func() { r.Wait(ctx); close(returned) }()
	select {
	case <-returned:
		require.Fail(t, "Wait returns without a commit")
	case <-time.After(50 * time.Millisecond):
	}
	cancel()
	<-returned
	go r.Close()
	r.Wait(t.Context())
}

func TestNotifyWakesReadersOfOtherStores(t *testing.T) {
	t.Parallel()
	var logged lockedBuffer
	s := newShop(t, func(c *postgres.Config) { c.Notify = true })
	application := "listener " + s.table
	other, err := postgres.New(postgres.Config{
		Pool: newPool(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = application }), Table: s.table, Notify: true,
		Logger: slog.New(slog.NewTextHandler(&logged, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	r := newReader(t, other)
	listening := func() bool {
		return query[int](t, s.pool, "select count(*) from pg_stat_activity where application_name = $1 and query like 'listen%' and state = 'idle'", application) == 1
	}
	eventually(t, listening)
	for i := range 3 {
		eventually(t, func() bool { // the wake-up after connecting comes once
			fetch(t, r, 10)
			bounded, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			r.Wait(bounded)
			return bounded.Err() != nil
		})
		require.NoError(t, s.send(t.Context(), "ann", int64(i)))
		r.Wait(t.Context())
		require.Len(t, fetch(t, r, 10), 1)
		if i == 1 {
			exec(t, s.pool, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1 and query like 'listen%'", application)
			eventually(t, func() bool { return strings.Contains(logged.String(), "outbox listener works again") })
		}
	}
	require.Equal(t, 1, strings.Count(logged.String(), "outbox listener fails"))
	r.Close()
	eventually(t, func() bool { return !listening() })
}

type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
