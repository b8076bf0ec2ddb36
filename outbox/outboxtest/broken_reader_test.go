package outboxtest_test

import (
	"context"
	"slices"
	"sync"

	"github.com/signalcast/signalcast/outbox"
)

// breakReader returns a breakage of each reader.
func breakReader(breakIt func(*reader)) func(*subject) {
	return func(s *subject) {
		s.newReader = func() outbox.Reader {
			r := newReader(s)
			breakIt(r)
			return r
		}
	}
}

func brokenFetches() map[string]func(*subject) {
	return map[string]func(*subject){
		"fetch-order": func(s *subject) {
			s.broken = func(rows []outbox.Row) []outbox.Row {
				slices.SortStableFunc(rows, func(a, b outbox.Row) int {
					return int(min(a.Message.Event.MinorVersion, 100) - min(b.Message.Event.MinorVersion, 100))
				})
				return rows
			}
		},
		"fetch-once": breakReader(func(r *reader) {
			fetched := r.fetched
			r.fetched = func(limit int, rows []outbox.Row) {
				if limit != 10 {
					fetched(limit, rows)
				}
			}
		}),
		"fetch-limit":  breakReader(func(r *reader) { r.limit = func(n int) int { return n + 1 } }),
		"fetch-parked": breakReader(func(r *reader) { r.pending = func(outbox.Row) bool { return true } }),
		"fetch-again": func(s *subject) {
			var mu sync.Mutex
			returned := map[int64]bool{} // by any reader
			s.newReader = func() outbox.Reader {
				r := newReader(s)
				r.mu, r.returned = &mu, returned
				return r
			}
		},
		"fetch-ended": breakReader(func(r *reader) {
			fetched := r.fetched
			r.limit = func(n int) int { // the position moves on before the error
				rows, _ := r.read(n, func(row outbox.Row) bool { return r.pending(row) && !r.returned[row.Sequence] })
				r.ended = func(ctx context.Context) error {
					if ctx.Err() != nil {
						fetched(n, rows)
					}
					return ctx.Err()
				}
				return n
			}
		}),
		"fetch-late": breakReader(func(r *reader) {
			r.fetched = func(_ int, rows []outbox.Row) {
				if len(rows) > 0 {
					last := rows[len(rows)-1].Sequence
					r.pending = func(row outbox.Row) bool { return row.ParkedAt.IsZero() && row.Sequence > last }
				}
			}
		}),
	}
}

func brokenLanes() map[string]func(*subject) {
	return map[string]func(*subject){
		"lane-rows": breakReader(func(r *reader) {
			r.lane = func(_ string, lane int, row outbox.Row) bool { return row.Lane == lane }
		}),
		"lane-limit":  breakReader(func(r *reader) { r.laneLimit = func(n int) int { return n + 1 } }),
		"lane-parked": breakReader(func(r *reader) { r.lanePending = func(outbox.Row) bool { return true } }),
		"lane-fetch":  breakReader(func(r *reader) { r.laneRead = func(rows []outbox.Row) { r.fetched(len(rows), rows) } }),
	}
}

func brokenWaits() map[string]func(*subject) {
	return map[string]func(*subject){
		"wait-stored":    func(s *subject) { s.quiet["store"] = true },
		"wait-committed": func(s *subject) { s.quiet["unit"] = true },
		"wait-retry":     func(s *subject) { s.quiet["retry"] = true },
		"wait-missed": breakReader(func(r *reader) {
			r.waiting = func() {
				r.s.mu.Lock()
				defer r.s.mu.Unlock()
				r.seen = r.s.commits
			}
		}),
		"wait-context": breakReader(func(r *reader) {
			r.waitFor = func(ctx context.Context) <-chan struct{} {
				_ = ctx.Done()
				return nil
			}
		}),
		"wait-close": breakReader(func(r *reader) { r.close = func() {} }),
	}
}
