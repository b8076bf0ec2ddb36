// Package memory is an outbox in memory, for tests. It has the guarantees of the
// stores in a database, except that nothing outlives the process.
package memory

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

// Store is an [outbox.Store] in memory. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex
	rows    []outbox.Row // sorted by sequence
	last    int64        // sequence
	lease   outbox.Lease
	readers map[*reader]struct{}
}

// New returns an empty store.
func New() *Store { return &Store{readers: map[*reader]struct{}{}} }

// transaction is what the context of InTx carries.
type transaction struct {
	store *Store
	unit  *signalcast.Unit
}

type transactionKey struct{}

// InTx calls f in a unit of work, and stores the messages that were sent with the context of
// f if f returns nil. If f returns an error or panics, the messages are withdrawn. In an InTx of the same
// store, InTx withdraws only the messages that were sent in f.
func (s *Store) InTx(ctx context.Context, f func(ctx context.Context) error) (err error) {
	if tx, ok := ctx.Value(transactionKey{}).(transaction); ok && tx.store == s {
		savepoint := tx.unit.Savepoint()
		finished := false
		defer func() {
			if !finished || err != nil {
				tx.unit.RollbackTo(savepoint)
			}
		}()
		err = f(ctx)
		finished = true
		return err
	}
	ctx, unit := signalcast.NewUnit(ctx, s)
	ctx = context.WithValue(ctx, transactionKey{}, transaction{s, unit})
	ended := signalcast.ErrRolledBack // also if f panics
	defer func() { _ = unit.End(ended) }()
	if err := f(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // of the caller
	}
	s.insert(unit.Seal())
	ended = nil
	return nil
}

// Prepare returns nil.
func (s *Store) Prepare(context.Context, []signalcast.Route) error { return nil }

// Insert implements [signalcast.Outbox].
func (s *Store) Insert(ctx context.Context, messages []*signalcast.Message) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // of the caller
	}
	s.insert(messages)
	return nil
}

func (s *Store) insert(messages []*signalcast.Message) {
	if len(messages) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.last++
		s.rows = append(s.rows, outbox.Row{
			Sequence: s.last, Topic: m.Topic, EventType: m.Event.EventType, Lane: outbox.LaneOf(m),
			Message: copyOf(m), StoredAt: time.Now(),
		})
	}
	s.wake()
}

// copyOf returns a message that shares no memory with m, which is valid for a call only.
func copyOf(m *signalcast.Message) *signalcast.Message {
	message, event := *m, *m.Event
	event.Value = bytes.Clone(event.Value)
	message.Key, message.Event = bytes.Clone(m.Key), &event
	return &message
}

// Acquire implements [outbox.Store].
func (s *Store) Acquire(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
	if err := ctx.Err(); err != nil {
		return outbox.Lease{}, err //nolint:wrapcheck // of the caller
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.lease.Holder != holder {
		if s.lease.Holder != "" && now.Before(s.lease.Until) {
			return s.lease, outbox.ErrLeaseLost
		}
		s.lease = outbox.Lease{Holder: holder, Token: s.lease.Token + 1}
	}
	s.lease.Until = now.Add(ttl)
	return s.lease, nil
}

// Release implements [outbox.Store].
func (s *Store) Release(_ context.Context, l outbox.Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lease.Token == l.Token {
		s.lease.Holder = ""
	}
	return nil
}

// Delete implements [outbox.Store].
func (s *Store) Delete(ctx context.Context, sequences []int64) error {
	if err := ctx.Err(); err != nil {
		return err //nolint:wrapcheck // of the caller
	}
	gone := make(map[int64]bool, len(sequences))
	for _, n := range sequences {
		gone[n] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = slices.DeleteFunc(s.rows, func(r outbox.Row) bool { return gone[r.Sequence] })
	return nil
}

// Record implements [outbox.Store].
func (s *Store) Record(_ context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lease.Token != l.Token || s.lease.Holder == "" || !time.Now().Before(s.lease.Until) {
		return outbox.ErrLeaseLost
	}
	for _, a := range attempts {
		for i := range s.rows {
			if r := &s.rows[i]; r.Sequence == a.Sequence {
				r.Attempts, r.LastError = a.Attempts, a.Err
				if a.Park {
					r.ParkedAt = time.Now()
				}
			}
		}
	}
	return nil
}
