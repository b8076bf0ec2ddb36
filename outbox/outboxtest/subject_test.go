package outboxtest_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/memory"
)

var errClosed = errors.New("subject: the database is closed")

// subject is a store over a correct one. Tests replace parts of it by broken ones. Unlike the correct one, it
// has tables, schemas, overlapping transactions, and can be closed.
type subject struct {
	good *memory.Store

	prepare   func(context.Context, []signalcast.Route) error
	store     func(context.Context, []*signalcast.Message) error
	acquire   func(context.Context, string, time.Duration) (outbox.Lease, error)
	release   func(context.Context, outbox.Lease) error
	remove    func(context.Context, []int64) error
	record    func(context.Context, outbox.Lease, []outbox.Attempt) error
	status    func(context.Context) (outbox.Status, error)
	list      func(context.Context, outbox.Filter) ([]outbox.Row, error)
	retry     func(context.Context, outbox.Filter) (int, error)
	drop      func(context.Context, outbox.Filter) (int, error)
	migrate   func(context.Context) error
	newReader func() outbox.Reader

	// Parts of transactions.
	insert   func([]*signalcast.Message)  // at COMMIT
	rollback func(*signalcast.Unit) error // the end of the unit after an error
	panicked func(any) error              // panics again
	back     func(*signalcast.Unit, int)  // to a savepoint
	alive    func(ctx context.Context) error
	// Parts of readers and lists.
	change  func(*outbox.Row)               // before a row is returned
	visible func(outbox.Row) bool           // false until the commit
	broken  func([]outbox.Row) []outbox.Row // applied to what Fetch read
	quiet   map[string]bool                 // commits by which a blocked Wait is not woken

	migrated, closed, schemasGone atomic.Bool

	mu      sync.Mutex
	hidden  map[signalcast.UUID]bool
	commits int
	changed chan struct{} // closed by the next commit
}

func newSubject() *subject {
	s := &subject{good: memory.New(), hidden: map[signalcast.UUID]bool{}, changed: make(chan struct{}), quiet: map[string]bool{}}
	s.migrated.Store(true)
	s.prepare = func(context.Context, []signalcast.Route) error {
		if !s.migrated.Load() {
			return &outbox.SchemaError{Table: "subject", Want: 1}
		}
		return nil
	}
	s.store = s.good.Insert
	s.acquire, s.release, s.status, s.record, s.remove = s.good.Acquire, s.good.Release, s.good.Status, s.good.Record, s.good.Delete
	s.retry, s.drop = s.good.Retry, s.good.Drop
	s.list = func(ctx context.Context, f outbox.Filter) ([]outbox.Row, error) {
		limit := f.Limit
		f.Limit = 0
		rows, err := s.good.List(ctx, f)
		rows = s.present(rows)
		if limit > 0 && len(rows) > limit {
			rows = rows[:limit]
		}
		return rows, err
	}
	s.migrate = func(context.Context) error {
		s.migrated.Store(true)
		return nil
	}
	s.newReader = func() outbox.Reader { return newReader(s) }
	s.insert = func(messages []*signalcast.Message) { _ = s.good.Insert(context.Background(), messages) }
	s.rollback = func(u *signalcast.Unit) error { return u.End(signalcast.ErrRolledBack) }
	s.panicked = func(value any) error { panic(value) }
	s.back = func(u *signalcast.Unit, savepoint int) { u.RollbackTo(savepoint) }
	s.alive = func(ctx context.Context) error { return ctx.Err() }
	s.change = func(*outbox.Row) {}
	s.visible = func(r outbox.Row) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.hidden[r.Message.Event.ID]
	}
	s.broken = func(rows []outbox.Row) []outbox.Row { return rows }
	return s
}

// present returns the rows as a caller gets them.
func (s *subject) present(rows []outbox.Row) []outbox.Row {
	var presented []outbox.Row
	for _, r := range rows {
		if !s.visible(r) {
			continue
		}
		message, event := *r.Message, *r.Message.Event
		event.Value, message.Key = bytes.Clone(event.Value), bytes.Clone(message.Key)
		message.Event, r.Message = &event, &message
		if s.schemasGone.Load() && (message.KeySchema != nil || event.ValueSchema != nil) {
			r.Message, r.Err = nil, errors.New("the schema is missing")
		}
		s.change(&r)
		presented = append(presented, r)
	}
	return presented
}

// committed wakes the readers.
func (s *subject) committed(by string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.commits++; !s.quiet[by] {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

func (s *subject) Prepare(ctx context.Context, routes []signalcast.Route) error {
	return s.open(func() error { return s.prepare(ctx, routes) })
}

func (s *subject) Insert(ctx context.Context, messages []*signalcast.Message) error {
	return s.open(func() error {
		defer s.committed("store")
		return s.store(ctx, messages)
	})
}

func (s *subject) Acquire(ctx context.Context, holder string, ttl time.Duration) (l outbox.Lease, err error) {
	err = s.open(func() error { l, err = s.acquire(ctx, holder, ttl); return err })
	return l, err
}

func (s *subject) Release(ctx context.Context, l outbox.Lease) error {
	return s.open(func() error { return s.release(ctx, l) })
}

func (s *subject) Delete(ctx context.Context, sequences []int64) error {
	return s.open(func() error { return s.remove(ctx, sequences) })
}

func (s *subject) Record(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
	return s.open(func() error { return s.record(ctx, l, attempts) })
}

func (s *subject) Status(ctx context.Context) (status outbox.Status, err error) {
	err = s.open(func() error { status, err = s.status(ctx); return err })
	return status, err
}

func (s *subject) List(ctx context.Context, f outbox.Filter) (rows []outbox.Row, err error) {
	err = s.open(func() error { rows, err = s.list(ctx, f); return err })
	return rows, err
}

func (s *subject) Retry(ctx context.Context, f outbox.Filter) (n int, err error) {
	err = s.open(func() error {
		defer s.committed("retry")
		n, err = s.retry(ctx, f)
		return err
	})
	return n, err
}

func (s *subject) Drop(ctx context.Context, f outbox.Filter) (n int, err error) {
	err = s.open(func() error { n, err = s.drop(ctx, f); return err })
	return n, err
}

func (s *subject) Migrate(ctx context.Context) error {
	return s.open(func() error { return s.migrate(ctx) })
}

func (s *subject) NewReader() outbox.Reader { return s.newReader() }

func (s *subject) open(f func() error) error {
	if s.closed.Load() {
		return errClosed
	}
	return f()
}

type unitKey struct{}

// InTx runs f in a unit.
func (s *subject) InTx(ctx context.Context, f func(context.Context) error) error {
	return s.run(ctx, f, nil)
}

// Overlap is InTx that calls inserted before the rows are visible.
func (s *subject) Overlap(ctx context.Context, f func(context.Context) error, inserted func()) error {
	return s.run(ctx, f, inserted)
}

func (s *subject) run(ctx context.Context, f func(context.Context) error, inserted func()) (err error) {
	if s.closed.Load() {
		return errClosed
	}
	if unit, ok := ctx.Value(unitKey{}).(*signalcast.Unit); ok {
		savepoint := unit.Savepoint()
		if err = f(ctx); err != nil {
			s.back(unit, savepoint)
		}
		return err
	}
	ctx, unit := signalcast.NewUnit(ctx, s)
	defer func() {
		if value := recover(); value != nil {
			_ = s.rollback(unit)
			err = s.panicked(value)
		}
	}()
	if err = errors.Join(f(context.WithValue(ctx, unitKey{}, unit)), s.alive(ctx)); err != nil {
		_ = s.rollback(unit)
		return err
	}
	messages := unit.Seal()
	if inserted == nil {
		s.insert(messages)
	} else {
		s.hide(messages, true)
		s.insert(messages)
		inserted()
		s.hide(messages, false)
	}
	_ = unit.End(nil)
	s.committed("unit")
	return nil
}

func (s *subject) hide(messages []*signalcast.Message, hidden bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		s.hidden[m.Event.ID] = hidden
	}
}

// reader returns each row that is not in returned.
type reader struct {
	s        *subject
	mu       *sync.Mutex
	returned map[int64]bool
	seen     int // commits when the last Fetch began
	closed   chan struct{}

	fetched     func(limit int, rows []outbox.Row) // notes what was returned
	limit       func(int) int
	ended       func(context.Context) error
	pending     func(outbox.Row) bool
	lane        func(topic string, lane int, r outbox.Row) bool
	laneLimit   func(int) int
	lanePending func(outbox.Row) bool
	laneRead    func([]outbox.Row)
	waiting     func()                                // at the start of Wait
	waitFor     func(context.Context) <-chan struct{} // the end of its context
	close       func()
}

func newReader(s *subject) *reader {
	r := &reader{s: s, mu: &sync.Mutex{}, returned: map[int64]bool{}, closed: make(chan struct{})}
	r.fetched = func(_ int, rows []outbox.Row) {
		for _, row := range rows {
			r.returned[row.Sequence] = true
		}
	}
	r.limit = func(n int) int { return n }
	r.laneLimit = r.limit
	r.ended = func(ctx context.Context) error { return ctx.Err() }
	r.pending = func(row outbox.Row) bool { return row.ParkedAt.IsZero() }
	r.lanePending = r.pending
	r.lane = func(topic string, lane int, row outbox.Row) bool {
		return row.Lane == lane && row.Message.Topic == topic
	}
	r.laneRead = func([]outbox.Row) {}
	r.waiting = func() {}
	r.waitFor = context.Context.Done
	r.close = sync.OnceFunc(func() { close(r.closed) })
	return r
}

func (r *reader) Fetch(ctx context.Context, limit int) ([]outbox.Row, error) {
	r.s.mu.Lock()
	r.seen = r.s.commits
	r.s.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, err := r.read(r.limit(limit), func(row outbox.Row) bool { return r.pending(row) && !r.returned[row.Sequence] })
	if err != nil {
		return nil, err
	}
	if err := r.ended(ctx); err != nil {
		return nil, err
	}
	r.fetched(limit, rows)
	return r.s.present(r.s.broken(rows)), nil
}

func (r *reader) FetchLane(_ context.Context, topic string, lane int, after int64, limit int) ([]outbox.Row, error) {
	rows, err := r.read(r.laneLimit(limit), func(row outbox.Row) bool {
		return row.Sequence > after && r.lanePending(row) && r.lane(topic, lane, row)
	})
	r.laneRead(rows)
	return r.s.present(rows), err
}

// read returns the first visible rows that are wanted.
func (r *reader) read(limit int, wanted func(outbox.Row) bool) ([]outbox.Row, error) {
	if r.s.closed.Load() {
		return nil, errClosed
	}
	var rows []outbox.Row
	for _, pending := range []bool{true, false} {
		found, err := r.s.good.List(context.Background(), outbox.Filter{Pending: pending})
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	rows = slices.DeleteFunc(rows, func(row outbox.Row) bool { return !r.s.visible(row) || !wanted(row) })
	slices.SortFunc(rows, func(a, b outbox.Row) int { return int(a.Sequence - b.Sequence) })
	return rows[:min(len(rows), limit)], nil
}

func (r *reader) Wait(ctx context.Context) {
	r.waiting()
	r.s.mu.Lock()
	missed, changed := r.s.commits != r.seen, r.s.changed
	r.s.mu.Unlock()
	if missed {
		return
	}
	select {
	case <-changed:
	case <-r.closed:
	case <-r.waitFor(ctx):
	}
}

func (r *reader) Close() { r.close() }
