package memory

import (
	"context"
	"slices"

	"github.com/signalcast/signalcast/outbox"
)

// reader reads behind a cursor. Rows are inserted in the order of their sequences, so none can
// appear before the cursor.
type reader struct {
	store  *Store
	cursor int64
	woken  chan struct{} // holds a token if rows were inserted since the last Fetch
	closed chan struct{}
}

// NewReader implements [outbox.Store].
func (s *Store) NewReader() outbox.Reader {
	r := &reader{store: s, woken: make(chan struct{}, 1), closed: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.readers[r] = struct{}{}
	return r
}

// wake is called with mu held.
func (s *Store) wake() {
	for r := range s.readers {
		r.wake()
	}
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
	rows, err := r.read(ctx, r.cursor, limit, func(outbox.Row) bool { return true })
	if len(rows) > 0 {
		r.cursor = rows[len(rows)-1].Sequence
	}
	return rows, err
}

func (r *reader) FetchLane(ctx context.Context, topic string, lane int, after int64, limit int) ([]outbox.Row, error) {
	return r.read(ctx, after, limit, func(row outbox.Row) bool { return row.Lane == lane && row.Message.Topic == topic })
}

func (r *reader) read(ctx context.Context, after int64, limit int, wanted func(outbox.Row) bool) ([]outbox.Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err //nolint:wrapcheck // of the caller
	}
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	start, _ := slices.BinarySearchFunc(r.store.rows, after+1, func(row outbox.Row, n int64) int { return int(row.Sequence - n) })
	var rows []outbox.Row
	for _, row := range r.store.rows[start:] {
		if len(rows) == limit {
			break
		}
		if row.ParkedAt.IsZero() && wanted(row) {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (r *reader) Wait(ctx context.Context) {
	select {
	case <-r.woken:
		r.wake() // until the next Fetch
	case <-r.closed:
	case <-ctx.Done():
	}
}

func (r *reader) Close() {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	if _, open := r.store.readers[r]; open {
		delete(r.store.readers, r)
		close(r.closed)
	}
}
