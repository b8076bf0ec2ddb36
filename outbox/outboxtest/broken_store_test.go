package outboxtest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/outbox"
)

var errSomething = errors.New("something went wrong")

func brokenStores() map[string]func(*subject) {
	return map[string]func(*subject){
		"prepare": func(s *subject) {
			prepare := s.prepare
			s.prepare = func(ctx context.Context, routes []signalcast.Route) error {
				for _, r := range routes {
					if !r.Enabled && s.migrated.Load() {
						return errSomething
					}
				}
				return prepare(ctx, routes)
			}
		},
		"store-committed": func(s *subject) {
			s.store = func(ctx context.Context, messages []*signalcast.Message) error {
				return s.good.Insert(ctx, messages[:min(len(messages), 30)])
			}
		},
		"store-error": func(s *subject) {
			s.store = func(ctx context.Context, messages []*signalcast.Message) error {
				return errors.Join(s.good.Insert(context.WithoutCancel(ctx), messages), ctx.Err())
			}
		},
		"store-not-kept": func(s *subject) {
			var kept sync.Map
			s.store = func(ctx context.Context, messages []*signalcast.Message) error {
				for _, m := range messages {
					kept.Store(m.Event.ID, m)
				}
				return s.good.Insert(ctx, messages)
			}
			s.change = func(r *outbox.Row) {
				if r.Message != nil {
					if m, ok := kept.Load(r.Message.Event.ID); ok {
						r.Message = m.(*signalcast.Message)
					}
				}
			}
		},
		"message-read-only": func(s *subject) {
			s.store = func(ctx context.Context, messages []*signalcast.Message) error {
				for _, m := range messages {
					m.Event.SourceHost += "."
				}
				return s.good.Insert(ctx, messages)
			}
		},
	}
}

func brokenUnits() map[string]func(*subject) {
	return map[string]func(*subject){
		"unit-committed": func(s *subject) {
			insert := s.insert
			s.insert = func(messages []*signalcast.Message) { // as locked, and not as sent
				slices.SortStableFunc(messages, func(a, b *signalcast.Message) int { return strings.Compare(string(a.Key), string(b.Key)) })
				insert(messages)
			}
		},
		"unit-uncommitted": func(s *subject) { s.visible = func(outbox.Row) bool { return true } },
		"unit-rolled-back": func(s *subject) {
			s.rollback = func(u *signalcast.Unit) error { return u.End(signalcast.ErrCommitUnknown) }
		},
		"unit-panic":     func(s *subject) { s.panicked = func(any) error { return errSomething } },
		"unit-savepoint": func(s *subject) { s.back = func(*signalcast.Unit, int) {} },
		"unit-ended":     func(s *subject) { s.alive = func(context.Context) error { return nil } },
		"unit-large": func(s *subject) {
			insert := s.insert
			s.insert = func(messages []*signalcast.Message) { insert(messages[:min(len(messages), 1000)]) }
		},
		"order": func(s *subject) { // the fifth transaction that is rolled back is committed
			rollbacks := atomic.Int64{}
			s.rollback = func(u *signalcast.Unit) error {
				if rollbacks.Add(1) != 5 {
					return u.End(signalcast.ErrRolledBack)
				}
				s.insert(u.Seal())
				return u.End(nil)
			}
		},
		"many-goroutines": func(s *subject) {
			list := s.list
			calls := atomic.Int64{}
			s.list = func(ctx context.Context, f outbox.Filter) ([]outbox.Row, error) {
				defer calls.Add(-1)
				if calls.Add(1) > 1 || meet(&calls) {
					return nil, errSomething
				}
				return list(ctx, f)
			}
		},
	}
}

func brokenRows() map[string]func(*subject) {
	return map[string]func(*subject){
		"row-message": func(s *subject) {
			s.change = func(r *outbox.Row) {
				if r.Message != nil && r.Message.Trace != nil {
					r.Message.Trace = &signalcast.TraceContext{TraceParent: r.Message.Trace.TraceParent}
				}
			}
		},
		"row-new": func(s *subject) { s.change = func(r *outbox.Row) { r.Lane++ } },
		"row-schemas": func(s *subject) {
			s.change = func(r *outbox.Row) {
				if r.Message != nil && r.Message.KeySchema != nil {
					schema := *r.Message.KeySchema
					r.Message.KeySchema = &schema
				}
			}
		},
		"row-schema-missing": func(s *subject) {
			s.visible = func(r outbox.Row) bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return !s.hidden[r.Message.Event.ID] && (r.Message.KeySchema == nil || !s.schemasGone.Load())
			}
		},
	}
}

func brokenTables() map[string]func(*subject) {
	return map[string]func(*subject){
		"migrate-again": func(s *subject) {
			s.migrate = func(ctx context.Context) error {
				s.migrated.Store(true)
				_, err := s.good.Drop(ctx, outbox.Filter{Pending: true})
				return err
			}
		},
		"prepare-no-tables": func(s *subject) {
			s.prepare = func(context.Context, []signalcast.Route) error {
				if !s.migrated.Load() {
					return errSomething
				}
				return nil
			}
		},
		"migrate-race": func(s *subject) {
			calls := atomic.Int64{}
			s.migrate = func(context.Context) error {
				defer calls.Add(-1)
				if !s.migrated.Load() && (calls.Add(1) > 1 || meet(&calls)) {
					return errSomething
				}
				s.migrated.Store(true)
				return nil
			}
		},
		"closed": func(s *subject) {
			s.newReader = func() outbox.Reader { return forgetful{newReader(s)} }
		},
	}
}

// forgetful is a reader that finds no rows in a closed database.
type forgetful struct{ *reader }

func (f forgetful) Fetch(ctx context.Context, limit int) ([]outbox.Row, error) {
	rows, err := f.reader.Fetch(ctx, limit)
	if errors.Is(err, errClosed) {
		err = nil
	}
	return rows, err
}

// meet gives other goroutines time for a call, and reports whether one came.
func meet(calls *atomic.Int64) bool {
	look := time.NewTicker(100 * time.Microsecond)
	defer look.Stop()
	for timeout := time.After(20 * time.Millisecond); calls.Load() < 2; {
		select {
		case <-look.C:
		case <-timeout:
			return false
		}
	}
	return true
}
