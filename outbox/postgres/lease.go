package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast/outbox"
)

const (
	// acquireLease returns no row if another holder has the lease.
	acquireLease = "insert into {lease} as l (holder, token, until) values ($1::text, 1, clock_timestamp() + $2::bigint * interval '1 microsecond')" +
		" on conflict (id) do update set holder = excluded.holder, token = l.token + (l.holder <> excluded.holder)::int," +
		" until = clock_timestamp() + $2::bigint * interval '1 microsecond'" +
		" where l.holder = excluded.holder or l.holder = '' or l.until <= clock_timestamp() returning holder, token, until"
	readLease    = "select holder, token, until from {lease}"
	releaseLease = "update {lease} set holder = '', until = clock_timestamp() where token = $1::bigint and holder = $2::text"

	// recordAttempts locks the lease until the attempts are committed, and returns the number of leases that are held.
	recordAttempts = "with held as materialized (select from {lease} where token = $1::bigint and holder = $2::text and until > clock_timestamp() for share)," +
		" changed as (update {table} as t set attempts = a.attempts, last_error = a.error," +
		" parked_at = case when a.park then clock_timestamp() else t.parked_at end" +
		" from unnest($3::bigint[], $4::int4[], $5::text[], $6::bool[]) as a(sequence, attempts, error, park)" +
		" where t.sequence = a.sequence and exists (select from held))" +
		" select count(*) from held"

	deleteRows = "delete from {table} where sequence = any($1::bigint[])"
)

// Acquire implements [outbox.Store]. The holder must not be empty.
func (s *Store) Acquire(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
	if holder == "" {
		return outbox.Lease{}, errors.New("postgres: acquire lease: found no holder; want the name of the relay")
	}
	var l outbox.Lease
	err := s.pool.QueryRow(ctx, s.names.sql(acquireLease), holder, ttl.Microseconds()).Scan(&l.Holder, &l.Token, &l.Until)
	if !errors.Is(err, pgx.ErrNoRows) {
		return l, s.fail("acquire lease", err)
	}
	if err := s.pool.QueryRow(ctx, s.names.sql(readLease)).Scan(&l.Holder, &l.Token, &l.Until); err != nil {
		return outbox.Lease{}, s.fail("acquire lease", err)
	}
	return l, outbox.ErrLeaseLost
}

// Release implements [outbox.Store].
func (s *Store) Release(ctx context.Context, l outbox.Lease) error {
	_, err := s.pool.Exec(ctx, s.names.sql(releaseLease), l.Token, l.Holder)
	return s.fail("release lease", err)
}

// Record implements [outbox.Store].
func (s *Store) Record(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
	n := len(attempts)
	sequences, numbers, texts, parks := make([]int64, n), make([]int32, n), make([]string, n), make([]bool, n)
	for i, a := range attempts {
		text := strings.ReplaceAll(strings.ToValidUTF8(a.Err, "\uFFFD"), "\x00", "\uFFFD")
		sequences[i], numbers[i], texts[i], parks[i] = a.Sequence, int32(a.Attempts), text, a.Park //nolint:gosec // a count
	}
	held := 0
	err := s.indexed(ctx, s.sql.record, []any{l.Token, l.Holder, sequences, numbers, texts, parks}, &held)
	switch {
	case err != nil:
		return s.fail("record attempts", err)
	case held == 0:
		return outbox.ErrLeaseLost
	}
	return nil
}

// Delete implements [outbox.Store].
func (s *Store) Delete(ctx context.Context, sequences []int64) error {
	if len(sequences) == 0 {
		return nil
	}
	return s.fail("delete", s.indexed(ctx, s.sql.delete, []any{sequences}))
}

// indexed executes a statement that uses indexes, and scans its row into results, if any.
func (s *Store) indexed(ctx context.Context, statement string, args []any, results ...any) error {
	batch := &pgx.Batch{}
	batch.Queue(useIndexes)
	batch.Queue(statement, args...)
	b := s.pool.SendBatch(ctx, batch)
	_, err := b.Exec()
	switch {
	case err != nil:
	case len(results) > 0:
		err = b.QueryRow().Scan(results...)
	default:
		_, err = b.Exec()
	}
	if closeErr := b.Close(); err == nil {
		err = closeErr
	}
	return err
}
