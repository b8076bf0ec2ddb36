package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

var errNoHolder = errors.New("sqlite: acquire the lease: found an empty name of the holder; want the name of the relay")

// Acquire implements [outbox.Store]. The clock of SQLite has milliseconds. A relay that
// stands by only reads, so that it does not keep writers waiting.
func (s *Store) Acquire(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
	if holder == "" {
		return outbox.Lease{}, errNoHolder
	}
	lease, now, err := s.readLease(ctx, s.db)
	switch {
	case err != nil:
		return outbox.Lease{}, fmt.Errorf("sqlite: acquire the lease: %w", err)
	case lease.Holder != holder && held(lease, now):
		return lease, outbox.ErrLeaseLost
	}
	err = s.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, s.sql.acquire, holder, holder, ttl.Microseconds(), holder); err != nil {
			return err //nolint:wrapcheck // below
		}
		lease, now, err = s.readLease(ctx, tx)
		return err
	})
	switch {
	case err != nil:
		return outbox.Lease{}, fmt.Errorf("sqlite: acquire the lease: %w", err)
	case lease.Holder != holder:
		return lease, outbox.ErrLeaseLost
	}
	return lease, nil
}

// Release implements [outbox.Store].
func (s *Store) Release(ctx context.Context, l outbox.Lease) error {
	if _, err := s.db.ExecContext(ctx, s.sql.release, l.Holder, l.Token); err != nil {
		return fmt.Errorf("sqlite: release the lease: %w", err)
	}
	return nil
}

// Record implements [outbox.Store].
func (s *Store) Record(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		lease, now, err := s.readLease(ctx, tx)
		switch {
		case err != nil:
			return err
		case lease.Token != l.Token || lease.Holder != l.Holder || !held(lease, now):
			return outbox.ErrLeaseLost
		}
		for _, a := range attempts {
			if _, err := tx.ExecContext(ctx, s.sql.record, a.Attempts, a.Err, a.Park, a.Sequence); err != nil {
				return fmt.Errorf("row %d: %w", a.Sequence, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlite: record attempts: %w", err)
	}
	return nil
}

func held(l outbox.Lease, now time.Time) bool { return l.Holder != "" && now.Before(l.Until) }

// readLease returns the lease as it is stored, and the time.
func (s *Store) readLease(ctx context.Context, q querier) (l outbox.Lease, now time.Time, err error) {
	var until, clock int64
	err = q.QueryRowContext(ctx, s.sql.readLease).Scan(&l.Holder, &l.Token, &until, &clock)
	l.Until = microseconds(until)
	return l, microseconds(clock), err
}

// querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}
