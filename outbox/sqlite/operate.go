package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/signalcast/signalcast/outbox"
)

// Status implements [outbox.Store]. Oldest is the time of the pending row with the smallest sequence.
func (s *Store) Status(ctx context.Context) (outbox.Status, error) {
	var status outbox.Status
	var all, until, clock int64
	var oldest sql.NullInt64
	err := s.db.QueryRowContext(ctx, s.sql.status).Scan(&all, &status.Parked, &status.Failing, &oldest,
		&status.Lease.Holder, &status.Lease.Token, &until, &clock)
	if err != nil {
		return outbox.Status{}, fmt.Errorf("sqlite: status: %w", err)
	}
	status.Pending = all - status.Parked
	if oldest.Valid {
		status.Oldest = microseconds(oldest.Int64)
	}
	status.Lease.Until, status.Now = microseconds(until), microseconds(clock)
	if !held(status.Lease, status.Now) {
		status.Lease.Holder = ""
	}
	return status, nil
}

// List implements [outbox.Store].
func (s *Store) List(ctx context.Context, f outbox.Filter) ([]outbox.Row, error) {
	where, args := condition(f)
	rows, err := s.query(ctx, s.sql.list+where, args...)
	if err != nil {
		return nil, fmt.Errorf("sqlite: list: %w", err)
	}
	return rows, nil
}

var errRetryPending = errors.New("sqlite: retry: found a filter of pending rows; want parked rows")

// Retry implements [outbox.Store]. The rows are inserted again, so StoredAt changes.
func (s *Store) Retry(ctx context.Context, f outbox.Filter) (int, error) {
	if f.Pending {
		return 0, errRetryPending
	}
	var sequences []int64
	err := s.write(ctx, func(tx *sql.Tx) (err error) {
		if sequences, err = s.selected(ctx, tx, f); err != nil || len(sequences) == 0 {
			return err
		}
		if _, err = tx.ExecContext(ctx, s.sql.retry, list(sequences)); err != nil {
			return err //nolint:wrapcheck // below
		}
		_, err = tx.ExecContext(ctx, s.sql.delete, list(sequences))
		return err //nolint:wrapcheck // below
	})
	if err != nil {
		return 0, fmt.Errorf("sqlite: retry: %w", err)
	}
	if len(sequences) > 0 {
		s.wake()
	}
	return len(sequences), nil
}

// Drop implements [outbox.Store].
func (s *Store) Drop(ctx context.Context, f outbox.Filter) (int, error) {
	where, args := condition(f)
	dropped, err := s.db.ExecContext(ctx, s.sql.drop+"sequence IN ("+s.sql.selected+where+")", args...)
	if err != nil {
		return 0, fmt.Errorf("sqlite: drop: %w", err)
	}
	n, err := dropped.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("sqlite: drop: %w", err)
	}
	return int(n), nil
}

func (s *Store) selected(ctx context.Context, tx *sql.Tx, f outbox.Filter) ([]int64, error) {
	where, args := condition(f)
	rows, err := tx.QueryContext(ctx, s.sql.selected+where, args...)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller does
	}
	defer func() { _ = rows.Close() }()
	var sequences []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err //nolint:wrapcheck // the caller does
		}
		sequences = append(sequences, n)
	}
	return sequences, rows.Err() //nolint:wrapcheck // the caller does
}

// condition returns what follows WHERE for a filter.
func condition(f outbox.Filter) (where string, args []any) {
	where = "parked_at IS NOT NULL"
	if f.Pending {
		where = "parked_at IS NULL"
	}
	if len(f.Sequences) > 0 {
		where += " AND " + listed
		args = append(args, list(f.Sequences))
	}
	if f.Topic != "" {
		where += " AND topic = ?"
		args = append(args, f.Topic)
	}
	if f.EventType != "" {
		where += " AND event_type = ?"
		args = append(args, f.EventType)
	}
	where += " ORDER BY sequence"
	if f.Limit > 0 {
		where += " LIMIT ?"
		args = append(args, f.Limit)
	}
	return where, args
}
