package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// reader reads behind a cursor. SQLite has one writer at a time, which holds the write lock from before its first insert
// until its commit, and a sequence is larger than every committed one. So rows become visible in the order of their
// sequences, and none can appear before the cursor.
type reader struct {
	store  *Store
	cursor int64
	seen   int64 // the last sequence of the table when the last Fetch began

	woken  chan struct{} // holds a token if rows were committed by this store since the last Fetch began
	closed chan struct{}
	close  sync.Once
}

// NewReader implements [outbox.Store].
func (s *Store) NewReader() outbox.Reader {
	r := &reader{store: s, seen: -1, woken: make(chan struct{}, 1), closed: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers[r] = struct{}{}
	return r
}

func (r *reader) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

func (r *reader) Fetch(ctx context.Context, limit int) ([]outbox.Row, error) {
	select {
	case <-r.woken:
	default:
	}
	seen, err := r.last(ctx)
	if err != nil {
		return nil, fmt.Errorf("sqlite: fetch: %w", err)
	}
	rows, err := r.store.query(ctx, r.store.sql.fetch, r.cursor, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("sqlite: fetch: %w", err)
	}
	r.seen = seen
	if len(rows) > 0 {
		r.cursor = rows[len(rows)-1].Sequence
	}
	return rows, nil
}

func (r *reader) FetchLane(ctx context.Context, topic string, lane int, after int64, limit int) ([]outbox.Row, error) {
	rows, err := r.store.query(ctx, r.store.sql.fetchLane, lane, topic, after, max(limit, 0))
	if err != nil {
		return nil, fmt.Errorf("sqlite: fetch lane %d: %w", lane, err)
	}
	return rows, nil
}

// last returns the largest sequence that was ever committed.
func (r *reader) last(ctx context.Context) (n int64, err error) {
	err = r.store.db.QueryRowContext(ctx, r.store.sql.last).Scan(&n)
	return n, err //nolint:wrapcheck // the caller does
}

// Wait returns at once after a commit by this store. For commits by other processes, it polls the last sequence of
// the table. That needs no connection of its own, unlike PRAGMA data_version, and other changes of the database do not
// end Wait. Wait also returns if polling fails, so that the next Fetch reports the error.
func (r *reader) Wait(ctx context.Context) {
	ticker := time.NewTicker(r.store.poll)
	defer ticker.Stop()
	for {
		select {
		case <-r.woken:
			r.wake() // until the next Fetch
			return
		case <-r.closed:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			if last, err := r.last(ctx); err != nil || last != r.seen {
				return
			}
		}
	}
}

func (r *reader) Close() {
	r.close.Do(func() {
		close(r.closed)
		r.store.mu.Lock()
		defer r.store.mu.Unlock()
		delete(r.store.readers, r)
	})
}
