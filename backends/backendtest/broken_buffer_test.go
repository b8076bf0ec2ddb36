package backendtest_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/memory"
)

func brokenBuffers() map[string]func(*subject, *testing.T) {
	return map[string]func(*subject, *testing.T){
		"publish-returns": func(s *subject, _ *testing.T) {
			publish := s.publish
			var connected atomic.Bool
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				if s.limits == (backendtest.Limits{}) && !connected.Load() {
					_ = s.good.Wait(ctx, func() bool { return !s.isAway() })
					connected.Store(true)
				}
				return publish(ctx, m, done)
			}
		},
		"room-first": func(s *subject, _ *testing.T) {
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				if ctx.Err() != nil {
					return errors.Join(signalcast.ErrBufferFull, ctx.Err())
				}
				return publish(ctx, m, done)
			}
		},
		"context-over": func(s *subject, _ *testing.T) {
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				alive := ctx.Err() == nil
				return publish(ctx, m, func(r signalcast.Receipt, err error) {
					if alive && ctx.Err() != nil {
						err = ctx.Err()
					}
					done(r, err)
				})
			}
		},
		"buffer-messages": func(s *subject, _ *testing.T) {
			s.use(memory.WithBuffer((s.limits.Messages+3)/4*4, s.limits.Bytes)) // in blocks of 4
		},
		"buffer-bytes": func(s *subject, _ *testing.T) {
			s.use(memory.WithBuffer(s.limits.Messages, 2*s.limits.Bytes))
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				if s.limits.Bytes > 0 && size(m) > s.limits.Bytes {
					return signalcast.ErrTooLarge
				}
				return publish(ctx, m, done)
			}
		},
		"cancelled-before": func(s *subject, _ *testing.T) {
			s.changeErrors(func(ended bool, err error) error {
				if ended && errors.Is(err, context.Canceled) {
					return errors.New("no room")
				}
				return err
			})
		},
		"cancelled-waiting": func(s *subject, _ *testing.T) {
			publish := s.publish
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				if _, ok := ctx.Deadline(); !ok && ctx.Err() == nil {
					ctx.Done()
					ctx = context.WithoutCancel(ctx)
				}
				return publish(ctx, m, done)
			}
		},
		"deadline-waiting": func(s *subject, _ *testing.T) {
			s.changeErrors(func(_ bool, err error) error {
				if errors.Is(err, context.DeadlineExceeded) {
					return errors.Join(signalcast.ErrBufferFull, context.Canceled)
				}
				return err
			})
		},
		"full-error": func(s *subject, _ *testing.T) {
			s.changeErrors(func(ended bool, err error) error {
				if ended && errors.Is(err, context.DeadlineExceeded) {
					return context.DeadlineExceeded
				}
				return err
			})
		},
		"rejected-not-written": func(s *subject, _ *testing.T) {
			var rejected []*signalcast.Message
			publish, read := s.publish, s.read
			s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
				err := publish(ctx, m, done)
				if err != nil && s.limits.Messages > 0 {
					rejected = append(rejected, m)
				}
				return err
			}
			s.read = func(topic string) []backendtest.Record { return append(read(topic), records(topic, rejected)...) }
		},
		"room-again": func(s *subject, _ *testing.T) {
			closing := make(chan struct{})
			once := sync.OnceFunc(func() { close(closing) })
			closeGood := s.close
			s.close = func(ctx context.Context) error {
				once()
				return closeGood(ctx)
			}
			s.waitForRoom(func(ctx context.Context) error {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-closing:
					return signalcast.ErrClosed
				}
			})
		},
		"too-large": func(s *subject, _ *testing.T) {
			s.changeErrors(func(_ bool, err error) error {
				if s.limits.Bytes > 0 && errors.Is(err, signalcast.ErrTooLarge) {
					return errors.New("no")
				}
				return err
			})
		},
		"too-large-for-broker": func(s *subject, _ *testing.T) {
			s.changeErrors(func(_ bool, err error) error {
				if s.limits.Bytes == 0 && errors.Is(err, signalcast.ErrTooLarge) {
					return errors.New("no")
				}
				return err
			})
		},
		"fail-fast": func(s *subject, _ *testing.T) {
			s.limits.FailFast = false
			s.use(memory.WithBuffer(s.limits.Messages, s.limits.Bytes))
		},
	}
}

// changeErrors replaces what Publish returns.
func (s *subject) changeErrors(change func(ended bool, err error) error) {
	publish := s.publish
	s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
		ended := ctx.Err() != nil
		return change(ended, publish(ctx, m, done))
	}
}

// waitForRoom replaces the wait for room in a full buffer; wait returns nil to try again.
func (s *subject) waitForRoom(wait func(context.Context) error) {
	publish := s.publish
	s.publish = func(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		for {
			err := publish(ended, m, done)
			if !errors.Is(err, context.Canceled) {
				return err
			}
			if waitErr := wait(ctx); waitErr != nil {
				return errors.Join(signalcast.ErrBufferFull, waitErr)
			}
		}
	}
}
