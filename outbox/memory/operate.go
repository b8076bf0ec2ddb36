package memory

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// Status implements [outbox.Store].
func (s *Store) Status(context.Context) (outbox.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := outbox.Status{Now: time.Now(), Lease: s.lease}
	if !status.Now.Before(s.lease.Until) {
		status.Lease.Holder = ""
	}
	for _, r := range s.rows {
		switch {
		case !r.ParkedAt.IsZero():
			status.Parked++
			continue
		case r.LastError != "":
			status.Failing++
		}
		if status.Pending++; status.Oldest.IsZero() || r.StoredAt.Before(status.Oldest) {
			status.Oldest = r.StoredAt
		}
	}
	return status, nil
}

// List implements [outbox.Store].
func (s *Store) List(_ context.Context, f outbox.Filter) ([]outbox.Row, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.selected(f), nil
}

var errRetryPending = errors.New("memory: retry: found a filter of pending rows; want parked rows")

// Retry implements [outbox.Store].
func (s *Store) Retry(_ context.Context, f outbox.Filter) (int, error) {
	if f.Pending {
		return 0, errRetryPending
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.selected(f)
	s.remove(rows)
	for _, r := range rows {
		s.last++
		r.Sequence, r.Attempts, r.LastError, r.ParkedAt = s.last, 0, "", time.Time{}
		s.rows = append(s.rows, r)
	}
	s.wake()
	return len(rows), nil
}

// Drop implements [outbox.Store].
func (s *Store) Drop(_ context.Context, f outbox.Filter) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.selected(f)
	s.remove(rows)
	return len(rows), nil
}

// Migrate returns nil.
func (s *Store) Migrate(context.Context) error { return nil }

func (s *Store) selected(f outbox.Filter) []outbox.Row {
	var rows []outbox.Row
	for _, r := range s.rows {
		switch {
		case f.Pending != r.ParkedAt.IsZero(),
			len(f.Sequences) > 0 && !slices.Contains(f.Sequences, r.Sequence),
			f.Topic != "" && f.Topic != r.Topic,
			f.EventType != "" && f.EventType != r.EventType:
			continue
		}
		if rows = append(rows, r); len(rows) == f.Limit {
			break
		}
	}
	return rows
}

func (s *Store) remove(rows []outbox.Row) {
	s.rows = slices.DeleteFunc(s.rows, func(r outbox.Row) bool {
		return slices.ContainsFunc(rows, func(gone outbox.Row) bool { return gone.Sequence == r.Sequence })
	})
}
