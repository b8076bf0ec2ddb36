package outboxtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/memory"
)

func brokenLeases() map[string]func(*subject) {
	return map[string]func(*subject){
		"lease-exclusive": func(s *subject) {
			acquire := s.acquire
			s.acquire = func(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
				l, err := acquire(ctx, holder, ttl)
				if err != nil {
					l = outbox.Lease{}
				}
				return l, err
			}
		},
		"lease-ttl": func(s *subject) {
			acquire := s.acquire
			s.acquire = func(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
				return acquire(ctx, holder, 2*ttl)
			}
		},
		"lease-renew": func(s *subject) {
			acquire := s.acquire
			s.acquire = func(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
				if l := s.lease(); l.Holder == holder {
					return l, nil
				}
				return acquire(ctx, holder, ttl)
			}
		},
		"lease-ends": func(s *subject) { // a clock that is 50 s ahead
			acquire := s.acquire
			s.acquire = func(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
				if l := s.lease(); l.Holder != "" && l.Holder != holder && time.Until(l.Until) < 50*time.Second {
					_ = s.good.Release(ctx, l)
				}
				return acquire(ctx, holder, ttl)
			}
		},
		"lease-token": func(s *subject) { // it shrinks
			other := func(l outbox.Lease) outbox.Lease {
				l.Token = 1000 - l.Token
				return l
			}
			acquire, release, record, status := s.acquire, s.release, s.record, s.status
			s.acquire = func(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
				l, err := acquire(ctx, holder, ttl)
				return other(l), err
			}
			s.release = func(ctx context.Context, l outbox.Lease) error { return release(ctx, other(l)) }
			s.record = func(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
				return record(ctx, other(l), attempts)
			}
			s.status = func(ctx context.Context) (outbox.Status, error) {
				found, err := status(ctx)
				found.Lease = other(found.Lease)
				return found, err
			}
		},
		"lease-release": func(s *subject) { s.release = func(context.Context, outbox.Lease) error { return nil } },
		"lease-release-lost": func(s *subject) {
			release := s.release
			s.release = func(ctx context.Context, l outbox.Lease) error {
				if held := s.lease(); l.Token < held.Token {
					l = held
				}
				return release(ctx, l)
			}
		},
		"lease-race": func(s *subject) {
			acquire := s.acquire
			calls := atomic.Int64{}
			s.acquire = func(ctx context.Context, holder string, ttl time.Duration) (outbox.Lease, error) {
				defer calls.Add(-1)
				if calls.Add(1) > 1 || meet(&calls) {
					return outbox.Lease{Holder: holder, Token: 1, Until: time.Now().Add(ttl)}, nil
				}
				return acquire(ctx, holder, ttl)
			}
		},
	}
}

func (s *subject) lease() outbox.Lease {
	status, _ := s.good.Status(context.Background())
	return status.Lease
}

// exist returns the numbers of existing rows among sequences.
func (s *subject) exist(sequences []int64) []int64 {
	var found []int64
	for _, pending := range []bool{true, false} {
		rows, _ := s.good.List(context.Background(), outbox.Filter{Pending: pending, Sequences: sequences})
		for _, r := range rows {
			found = append(found, r.Sequence)
		}
	}
	return found
}

func brokenRecords() map[string]func(*subject) {
	return map[string]func(*subject){
		"delete": func(s *subject) {
			remove := s.remove
			s.remove = func(ctx context.Context, sequences []int64) error {
				if found := s.exist(sequences); len(sequences) == 2 && len(found) == 2 {
					sequences = nil
					for n := slices.Min(found); n <= slices.Max(found); n++ {
						sequences = append(sequences, n)
					}
				}
				return remove(ctx, sequences)
			}
		},
		"delete-unknown": func(s *subject) {
			remove := s.remove
			s.remove = func(ctx context.Context, sequences []int64) error {
				if len(sequences) > 1 && len(s.exist(sequences)) < len(sequences) {
					return errSomething
				}
				return remove(ctx, sequences)
			}
		},
		"delete-sequence": func(s *subject) {
			remove := s.remove
			s.remove = func(ctx context.Context, sequences []int64) error {
				err := remove(ctx, sequences)
				if status, _ := s.good.Status(ctx); len(sequences) > 1 && status.Pending+status.Parked == 0 {
					s.good = memory.New()
					s.store = s.good.Insert
				}
				return err
			}
		},
		"record": func(s *subject) {
			record := s.record
			s.record = func(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
				for i, a := range attempts {
					if !a.Park {
						attempts[i].Attempts = min(a.Attempts, 1)
					}
				}
				return record(ctx, l, attempts)
			}
		},
		"record-park": func(s *subject) {
			record := s.record
			s.record = func(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
				for i, a := range attempts {
					if a.Park {
						attempts[i].Attempts, attempts[i].Err = 0, ""
					}
				}
				return record(ctx, l, attempts)
			}
		},
		"record-lost": func(s *subject) {
			record := s.record
			s.record = func(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
				err := record(ctx, l, attempts)
				if held := s.lease(); errors.Is(err, outbox.ErrLeaseLost) && held.Holder != "" {
					_ = record(ctx, held, attempts)
				}
				return err
			}
		},
		"record-ended": func(s *subject) {
			record := s.record
			s.record = func(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
				if held := s.lease(); held.Token == l.Token && l.Token > 0 && time.Now().After(l.Until) {
					l, _ = s.good.Acquire(ctx, l.Holder, time.Hour)
				}
				return record(ctx, l, attempts)
			}
		},
		"record-unknown": func(s *subject) {
			record := s.record
			s.record = func(ctx context.Context, l outbox.Lease, attempts []outbox.Attempt) error {
				for _, a := range attempts {
					if len(attempts) > 1 && len(s.exist([]int64{a.Sequence})) == 0 {
						return errSomething
					}
				}
				return record(ctx, l, attempts)
			}
		},
	}
}

func brokenOperations() map[string]func(*subject) {
	return map[string]func(*subject){
		"status-failing": breakStatus(func(s *subject, status *outbox.Status) {
			rows, _ := s.good.List(context.Background(), outbox.Filter{Pending: true})
			status.Failing = 0
			for _, r := range rows {
				if r.Attempts > 0 {
					status.Failing++
				}
			}
		}),
		"status-rows": breakStatus(func(_ *subject, status *outbox.Status) { status.Failing += status.Parked }),
		"status-oldest": breakStatus(func(s *subject, status *outbox.Status) {
			rows, _ := s.good.List(context.Background(), outbox.Filter{})
			for _, r := range rows {
				if status.Oldest.IsZero() || r.StoredAt.Before(status.Oldest) {
					status.Oldest = r.StoredAt
				}
			}
		}),
		"status-lease": func(s *subject) {
			var holder atomic.Pointer[string] // that did not release the lease
			acquire, release := s.acquire, s.release
			s.acquire = func(ctx context.Context, name string, ttl time.Duration) (outbox.Lease, error) {
				l, err := acquire(ctx, name, ttl)
				holder.Store(&l.Holder)
				return l, err
			}
			s.release = func(ctx context.Context, l outbox.Lease) error {
				holder.Store(nil)
				return release(ctx, l)
			}
			breakStatus(func(_ *subject, status *outbox.Status) {
				if name := holder.Load(); name != nil {
					status.Lease.Holder = *name
				}
			})(s)
		},
		"list-filter": func(s *subject) {
			list := s.list
			s.list = func(ctx context.Context, f outbox.Filter) ([]outbox.Row, error) {
				f.EventType = ""
				return list(ctx, f)
			}
		},
		"retry": func(s *subject) {
			var retried sync.Map
			retry := s.retry
			s.retry = func(ctx context.Context, f outbox.Filter) (int, error) {
				rows, _ := s.good.List(ctx, f)
				for _, r := range rows {
					retried.Store(r.Message.Event.ID, r.LastError)
				}
				return retry(ctx, f)
			}
			s.change = func(r *outbox.Row) {
				if r.Message != nil {
					if text, ok := retried.Load(r.Message.Event.ID); ok {
						r.LastError = fmt.Sprint(text)
					}
				}
			}
		},
		"retry-filter": func(s *subject) {
			retry := s.retry
			s.retry = func(ctx context.Context, f outbox.Filter) (int, error) {
				f.Sequences = nil
				return retry(ctx, f)
			}
		},
		"retry-pending": func(s *subject) {
			retry := s.retry
			s.retry = func(ctx context.Context, f outbox.Filter) (int, error) {
				f.Pending = false
				return retry(ctx, f)
			}
		},
		"drop": func(s *subject) {
			drop := s.drop
			s.drop = func(ctx context.Context, f outbox.Filter) (int, error) {
				f.Limit = 0
				return drop(ctx, f)
			}
		},
	}
}

func breakStatus(breakIt func(*subject, *outbox.Status)) func(*subject) {
	return func(s *subject) {
		status := s.status
		s.status = func(ctx context.Context) (outbox.Status, error) {
			found, err := status(ctx)
			breakIt(s, &found)
			return found, err
		}
	}
}
