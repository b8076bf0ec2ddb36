package postgres

import (
	"context"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast/outbox"
)

const (
	// useIndexes is the statement before each one that must use an index, and the primary key rather than a scan of a whole other
	// index. The planner knows little about a table that is empty now and has millions of rows a minute later, and a plan may be kept. What
	// is off gets a high cost, for which PostgreSQL would compile statements, so that is off too. The settings hold until the
	// end of the transaction, which is that of the batch.
	useIndexes = "select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)," +
		" set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)," +
		" set_config('enable_sort', 'off', true), set_config('jit', 'off', true)"

	fetchRows = "select " + columns + " from {table} where sequence > $1::bigint and parked_at is null order by sequence limit $2::bigint"
	fetchGaps = "select r.* from unnest($1::bigint[], $2::bigint[]) as g(lo, hi) cross join lateral (select " + columns +
		" from {table} where sequence between g.lo and g.hi and parked_at is null order by sequence limit $3::bigint) as r" +
		" order by r.sequence limit $3::bigint"
	fetchLane = "select " + columns + " from {table} where topic = $1::text and lane = $2::int2 and sequence > $3::bigint" +
		" and parked_at is null order by sequence limit $4::bigint"
	// openWriters lists the transactions that hold locks of writers.
	openWriters = "select distinct virtualtransaction from pg_locks where locktype = 'advisory' and objsubid = 2 and granted" +
		" and classid = {oid} and database = (select oid from pg_database where datname = current_database())"
	// lastSequence is null without the right to read the sequence, or if none was given out.
	lastSequence = "select case when has_sequence_privilege('{sequence}', 'select') then pg_sequence_last_value('{sequence}'::regclass) end"
	// rangesWithRows returns the indexes of ranges that have rows.
	rangesWithRows = "select (g.i - 1)::int4 from unnest($1::bigint[], $2::bigint[]) with ordinality as g(lo, hi, i)" +
		" where exists (select from {table} where sequence between g.lo and g.hi and parked_at is null) order by g.i"
)

// reader is an [outbox.Reader]. See gaps for how it finds all rows.
type reader struct {
	store *Store
	gaps  gaps
	// placed says that a Fetch found fewer rows than its limit and has looked at the last value of the sequence, so that
	// the next one does not start at dead rows from long ago.
	placed bool
	heldUp bool // by more than maxGaps

	woken    chan struct{} // holds a token if a transaction was committed since the last Fetch
	closed   chan struct{}
	closing  sync.Once
	listener *listener // nil unless Config.Notify
}

// NewReader returns a reader of the rows that are not parked. The pool must be connected to the primary server.
func (s *Store) NewReader() outbox.Reader {
	r := &reader{store: s, woken: make(chan struct{}, 1), closed: make(chan struct{})}
	s.wakeups.add(r)
	if s.config.Notify {
		r.listener = startListener(s, r)
	}
	return r
}

// Fetch implements [outbox.Reader]. It is one round trip.
func (r *reader) Fetch(ctx context.Context, limit int) ([]outbox.Row, error) {
	select {
	case <-r.woken:
	default:
	}
	if limit <= 0 {
		return nil, nil
	}
	if err := r.mergeGaps(ctx); err != nil {
		return nil, err
	}
	batch := &pgx.Batch{}
	batch.Queue(useIndexes)
	if lo, hi := r.gaps.ranges(); len(r.gaps.list) == 0 {
		batch.Queue(r.store.sql.fetch, r.gaps.cursor, limit)
	} else {
		batch.Queue(r.store.sql.fetchGaps, lo, hi, limit)
	}
	listing, placing := r.gaps.waiting(), !r.placed
	if placing {
		batch.Queue(r.store.sql.last)
	}
	if listing {
		batch.Queue(r.store.sql.writers)
	}
	results := r.store.pool.SendBatch(ctx, batch)
	defer results.Close() //nolint:errcheck // each result is read
	stored, err := readBatch(results)
	if err != nil {
		return nil, r.store.fail("fetch", err)
	}
	var last *int64
	if placing {
		if err := results.QueryRow().Scan(&last); err != nil {
			return nil, r.store.fail("fetch: last sequence", err)
		}
	}
	var writers []string
	if listing {
		rows, _ := results.Query() // the error is that of CollectRows
		if writers, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return nil, r.store.fail("fetch: open transactions", err)
		}
	}
	if err := results.Close(); err != nil {
		return nil, r.store.fail("fetch", err)
	}
	rows, err := r.store.finish(ctx, stored)
	if err != nil {
		return nil, err
	}

	sequences := make([]int64, len(rows))
	for i, row := range rows {
		sequences[i] = row.Sequence
	}
	complete := len(rows) < limit
	r.gaps.fetched(sequences, complete)
	if placing && complete {
		r.placed = true
		if last != nil {
			r.gaps.given(*last)
		}
	}
	if listing {
		r.gaps.listed(writers)
	}
	return rows, nil
}

// mergeGaps merges gaps if there are many.
func (r *reader) mergeGaps(ctx context.Context) error {
	if len(r.gaps.list) < manyGaps {
		r.heldUp = false
		return nil
	}
	lo, hi := r.gaps.between()
	batch := &pgx.Batch{}
	batch.Queue(useIndexes)
	batch.Queue(r.store.sql.remaining, lo, hi)
	results := r.store.pool.SendBatch(ctx, batch)
	defer results.Close() //nolint:errcheck // each result is read
	if _, err := results.Exec(); err != nil {
		return r.store.fail("fetch: gaps", err)
	}
	rows, _ := results.Query() // the error is that of CollectRows
	remaining, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return r.store.fail("fetch: gaps", err)
	}
	r.gaps.merge(remaining)
	if heldUp := len(r.gaps.list) >= maxGaps; heldUp != r.heldUp {
		r.heldUp = heldUp
		if heldUp {
			r.store.logger.LogAttrs(ctx, slog.LevelWarn, "outbox reader waits for open transactions",
				slog.String("table", r.store.names.display), slog.Int("transactions", len(r.gaps.writers)))
		}
	}
	return nil
}

// readBatch reads the results of useIndexes and of a statement that returns rows.
func readBatch(results pgx.BatchResults) ([]storedRow, error) {
	if _, err := results.Exec(); err != nil {
		return nil, err //nolint:wrapcheck // of the caller
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err //nolint:wrapcheck // of the caller
	}
	return readRows(rows)
}

// FetchLane implements [outbox.Reader].
func (r *reader) FetchLane(ctx context.Context, topic string, lane int, after int64, limit int) ([]outbox.Row, error) {
	if limit <= 0 {
		return nil, nil
	}
	return r.store.query(ctx, "fetch lane", r.store.sql.lane, topic, lane, after, limit)
}

// query returns the rows of a statement that uses indexes.
func (s *Store) query(ctx context.Context, where, statement string, args ...any) ([]outbox.Row, error) {
	batch := &pgx.Batch{}
	batch.Queue(useIndexes)
	batch.Queue(statement, args...)
	results := s.pool.SendBatch(ctx, batch)
	stored, err := readBatch(results)
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, s.fail(where, err)
	}
	return s.finish(ctx, stored)
}

// Wait implements [outbox.Reader].
func (r *reader) Wait(ctx context.Context) {
	select {
	case <-r.woken:
		r.wake() // until the next Fetch
	case <-r.closed:
	case <-ctx.Done():
	}
}

func (r *reader) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

// Close implements [outbox.Reader].
func (r *reader) Close() {
	r.closing.Do(func() {
		r.store.wakeups.remove(r)
		close(r.closed)
		if r.listener != nil {
			r.listener.close()
		}
	})
}
