package backendtest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

var errSomething = errors.New("something went wrong")

func brokenCloses() map[string]func(*subject, *testing.T) {
	return map[string]func(*subject, *testing.T){
		"flush-waits": func(s *subject, _ *testing.T) {
			s.good.Inject(memory.Fault{Delay: 5 * time.Millisecond, Times: 10})
			s.flush = func(ctx context.Context) error { return ctx.Err() }
		},
		"flush-context": func(s *subject, _ *testing.T) {
			s.flush = func(ctx context.Context) error {
				ctx.Done()
				return s.good.Flush(context.WithoutCancel(ctx))
			}
		},
		"flush-ends": func(s *subject, _ *testing.T) {
			s.flush = func(ctx context.Context) error {
				s.good.Inject(memory.Fault{Delay: 50 * time.Millisecond}) // so that it is never idle
				defer s.good.Heal()
				if err := s.good.Wait(ctx, func() bool { return s.good.Unacknowledged() == 0 }); err != nil {
					return ctx.Err()
				}
				return nil
			}
		},
		"flush-closed": func(s *subject, _ *testing.T) {
			var closed atomic.Bool
			s.flush = func(ctx context.Context) error {
				if closed.Load() {
					return signalcast.ErrClosed
				}
				return s.good.Flush(ctx)
			}
			s.close = func(ctx context.Context) error {
				defer closed.Store(true)
				return s.good.Close(ctx)
			}
		},
		"close-waits": func(s *subject, _ *testing.T) {
			s.good.Inject(memory.Fault{Delay: 10 * time.Millisecond, Times: 10})
			s.close = func(ctx context.Context) error {
				if ctx.Err() == nil && s.good.Unacknowledged() > 50 {
					go func() { _ = s.good.Close(context.Background()) }()
					return nil
				}
				return s.good.Close(ctx)
			}
		},
		"close-unused": func(s *subject, t *testing.T) {
			var connected atomic.Bool
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				connected.Store(true)
				return publish(ctx, m, done)
			}
			s.close = func(ctx context.Context) error {
				if s.isAway() && !connected.Load() {
					<-t.Context().Done() // it connects to say goodbye
				}
				return s.good.Close(ctx)
			}
		},
		"close-twice": func(s *subject, _ *testing.T) {
			s.closeOnce(func(first error) error {
				if first == nil {
					return signalcast.ErrClosed
				}
				return first
			})
		},
		"close-twice-failed": func(s *subject, _ *testing.T) {
			s.closeOnce(func(error) error { return nil })
		},
		"close-twice-context": func(s *subject, _ *testing.T) {
			var once sync.Once
			var result error
			s.close = func(ctx context.Context) error {
				once.Do(func() { result = s.good.Close(ctx) })
				return result
			}
		},
		"closed": func(s *subject, _ *testing.T) {
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				err := publish(ctx, m, done)
				if errors.Is(err, signalcast.ErrClosed) {
					done(signalcast.Receipt{}, err)
				}
				return err
			}
		},
		"prepare-closed": func(s *subject, _ *testing.T) {
			prepare := s.prepare
			s.prepare = func(ctx context.Context, routes []signalcast.Route) error {
				if err := prepare(ctx, routes); !errors.Is(err, signalcast.ErrClosed) {
					return err
				}
				return nil
			}
		},
		"close-wakes": func(s *subject, _ *testing.T) {
			s.waitForRoom(func(ctx context.Context) error {
				ctx.Done()
				room := func() bool { return s.good.Unacknowledged() < s.limits.Messages }
				if err := s.good.Wait(ctx, room); err != nil {
					return ctx.Err()
				}
				return nil
			})
		},
		"close-deadline": func(s *subject, _ *testing.T) {
			s.giveUp(func() {
				release := s.start
				s.start = func() {
					release()
					_ = s.good.Close(context.Background())
				}
			})
		},
		"close-fate": func(s *subject, _ *testing.T) {
			s.wrapDone(func(_ context.Context, _ *signalcast.Message, done func(error), err error) {
				if err != nil {
					err = &signalcast.DeliveryError{Fate: signalcast.FateNotWritten, Err: err}
				}
				done(err)
			})
			s.giveUp(func() {
				s.good.Inject(memory.Fault{Err: errSomething, Stored: true})
				s.good.Release()
				_ = s.good.Close(context.Background())
			})
		},
		"close-publishing": func(s *subject, _ *testing.T) {
			var mu sync.Mutex
			var published int
			var closing, closed bool
			lost := make(chan struct{}, 1)
			publish, closeGood := s.publish, s.close
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				mu.Lock()
				published++
				lose := closing && !closed
				mu.Unlock()
				if lose {
					select {
					case lost <- struct{}{}:
					default:
					}
					return nil
				}
				return publish(ctx, m, done)
			}
			s.close = func(ctx context.Context) error {
				mu.Lock()
				closing = published > 20
				wait := closing && !closed
				mu.Unlock()
				if wait {
					select {
					case <-lost:
					case <-time.After(500 * time.Millisecond):
					}
				}
				err := closeGood(ctx)
				mu.Lock()
				closed = true
				mu.Unlock()
				return err
			}
		},
		"no-goroutine-left": func(s *subject, t *testing.T) {
			var once sync.Once
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				once.Do(func() { go func() { <-t.Context().Done() }() })
				return publish(ctx, m, done)
			}
		},
	}
}

// closeOnce replaces the result of every Close but the first to return.
func (s *subject) closeOnce(again func(first error) error) {
	var mu sync.Mutex
	var closed bool
	var first error
	s.close = func(ctx context.Context) error {
		mu.Lock()
		late, result := closed, first
		mu.Unlock()
		if late {
			return again(result)
		}
		err := s.good.Close(ctx)
		mu.Lock()
		closed, first = true, err
		mu.Unlock()
		return err
	}
}

// giveUp replaces what the first Close does when its context has ended before.
func (s *subject) giveUp(instead func()) {
	var mu sync.Mutex
	begun, gaveUp := false, false
	s.close = func(ctx context.Context) error {
		mu.Lock()
		if !begun && ctx.Err() != nil && s.good.Unacknowledged() > 0 {
			gaveUp = true
			instead()
			s.flush = func(context.Context) error { return nil }
		}
		begun = true
		mu.Unlock()
		if gaveUp {
			return errSomething
		}
		return s.good.Close(ctx)
	}
}
