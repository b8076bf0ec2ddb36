package backendtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
)

// closeCases are about Flush and Close.
func closeCases() []Case {
	return []Case{
		{"flush-waits", "Flush returns nil after done has returned for every message accepted before", func(t *trial) {
			t.open(Limits{})
			outcomes := t.publishRange(0, 100, "key")
			t.flush()
			t.requireKnown("Flush", outcomes)
		}},
		{"flush-context", "Flush returns the error of the context if it ends first, and the messages continue", func(t *trial) {
			t.open(Limits{})
			t.away()
			o := t.publish(t.numbered("key", 1))
			if err := t.within("Flush", func() error { return t.Backend.Flush(ended()) }); !errors.Is(err, context.Canceled) {
				t.Fatalf("Flush returned %v, want %v", err, context.Canceled)
			}
			t.Start()
			t.outcomes(o)
		}},
		{"flush-ends", "Flush does not wait for messages accepted after the call", func(t *trial) {
			t.open(Limits{})
			t.away()
			previous := t.publish(t.numbered("key", 0))
			flushed := t.startFlush()
			// From here on, a message is always in flight.
			next := t.publish(t.numbered("key", 1))
			t.Start()
			timeout := time.After(t.harness.Patience)
			for n := 2; ; n++ {
				t.outcomes(previous)
				previous, next = next, t.publish(t.numbered("key", n))
				select {
				case err := <-flushed:
					if err != nil {
						t.Fatalf("Flush: %v", err)
					}
					return
				case <-timeout:
					t.Fatalf("Flush did not return within %v, while %d later messages were published", t.harness.Patience, n-1)
				default:
				}
			}
		}},
		{"flush-closed", "after Close, Flush returns nil", func(t *trial) {
			t.open(Limits{})
			t.away()
			t.publish(t.numbered("key", 1))
			_ = t.close(ended())
			t.flush()
		}},
		{"close-waits", "Close waits for the outcome of every accepted message", func(t *trial) {
			t.open(Limits{})
			outcomes := t.publishRange(0, 100, "key")
			if err := t.close(context.Background()); err != nil {
				t.Fatalf("Close: %v", err)
			}
			t.requireKnown("Close", outcomes)
		}},
		{"close-unused", "a backend without messages closes without its broker", func(t *trial) {
			t.open(Limits{})
			t.Stop()
			if err := t.close(context.Background()); err != nil {
				t.Fatalf("Close: %v", err)
			}
		}},
		{"close-twice", "a second Close waits for the first and returns the same error", func(t *trial) {
			t.open(Limits{})
			t.away()
			outcomes := t.publishRange(0, 10, "key")
			results := make(chan error, 2)
			for range 2 {
				go func() {
					err := t.Backend.Close(context.Background())
					if calls, _ := outcomes[9].now(); calls == 0 {
						err = errors.New("nil, before the outcome of every message was known")
					}
					results <- err
				}()
			}
			t.Start()
			for range 2 {
				if err := t.receive("Close", results); err != nil {
					t.Fatalf("Close returned %v", err)
				}
			}
			if err := t.close(ended()); err != nil {
				t.Fatalf("Close returned nil first and %v later", err)
			}
		}},
		{"close-twice-failed", "a second Close returns the error of the first", func(t *trial) {
			t.open(Limits{})
			t.away()
			t.publish(t.numbered("key", 1))
			first, second := t.close(ended()), t.close(context.Background())
			if first == nil || second == nil || first.Error() != second.Error() {
				t.Fatalf("Close returned %v first and %v later", first, second)
			}
		}},
		{"close-twice-context", "a second Close waits no longer than its own context, and the first continues", func(t *trial) {
			t.open(Limits{})
			t.away()
			o := t.publish(t.numbered("key", 1))
			first := t.start(context.Background(), "Close", t.Backend.Close)
			if err := t.close(ended()); !errors.Is(err, context.Canceled) {
				t.Fatalf("the second Close returned %v, want %v", err, context.Canceled)
			}
			t.Start()
			if err := t.receive("Close", first); err != nil {
				t.Fatalf("Close returned %v", err)
			}
			t.deliver(o)
		}},
		{"closed", "after Close, Publish returns ErrClosed and done is never called", func(t *trial) {
			t.open(Limits{})
			_ = t.close(context.Background())
			o, err := t.tryPublish(context.Background(), t.numbered("key", 1))
			if calls, _ := o.now(); !errors.Is(err, signalcast.ErrClosed) || calls > 0 {
				t.Fatalf("Publish returned %v and done was called %d times, want %v and 0", err, calls, signalcast.ErrClosed)
			}
		}},
		{"prepare-closed", "after Close, Prepare returns ErrClosed", func(t *trial) {
			t.open(Limits{})
			_ = t.close(context.Background())
			if err := t.Backend.Prepare(context.Background(), nil); !errors.Is(err, signalcast.ErrClosed) {
				t.Fatalf("Prepare returned %v, want %v", err, signalcast.ErrClosed)
			}
		}},
		{"close-wakes", "a Publish that waits for room returns ErrClosed when Close begins", func(t *trial) {
			t.openFull(Limits{})
			_, published := t.startPublish(context.Background())
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			go func() { _ = t.Backend.Close(ctx) }()
			if err := t.receive("Publish, waiting for room while Close was called,", published); !errors.Is(err, signalcast.ErrClosed) {
				t.Fatalf("Publish returned %v, want %v", err, signalcast.ErrClosed)
			}
		}},
		{"close-deadline", "if its context ends, Close returns an error, and done was called for every accepted message", func(t *trial) {
			t.open(Limits{})
			t.away()
			outcomes := t.publishRange(0, 100, "key")
			if err := t.close(ended()); err == nil {
				t.Error("Close returned nil although messages had no outcome when its context ended")
			}
			t.requireKnown("Close", outcomes)
		}},
		{"close-fate", "a message given up as not written is not written, and a delivered one is", func(t *trial) {
			t.open(Limits{})
			outcomes := t.publishRange(0, 20, "key")
			t.Stop()
			outcomes = append(outcomes, t.publishRange(20, 40, "key")...)
			_ = t.close(ended())
			t.Start()
			t.requireTruth(outcomes, t.outcomes(outcomes...))
		}},
		{"close-publishing", "Publish and Close may run at the same time: each message is accepted and has an outcome, or is rejected with ErrClosed", func(t *trial) {
			t.open(Limits{})
			closePublishing(t)
		}},
		{"no-goroutine-left", "after Close, no goroutine of the backend is left", noGoroutineLeft},
	}
}

// requireKnown checks without waiting that the outcomes are known.
func (t *trial) requireKnown(method string, outcomes []*outcome) {
	t.Helper()
	for i, o := range outcomes {
		if calls, _ := o.now(); calls == 0 {
			t.Fatalf("%s returned before done did for message %d of %d", method, i+1, len(outcomes))
		}
	}
}

// requireTruth compares outcomes with the records of the broker.
func (t *trial) requireTruth(outcomes []*outcome, errs []error) {
	t.Helper()
	values := t.values()
	for i, o := range outcomes {
		failure, known := errors.AsType[*signalcast.DeliveryError](errs[i])
		written := slices.Contains(values, o.value)
		if errs[i] == nil && !written {
			t.Fatalf("message %d of %d was reported as delivered but was not written", i+1, len(outcomes))
		}
		if known && failure.Fate == signalcast.FateNotWritten && written {
			t.Fatalf("message %d of %d was reported as not written but was written: %v", i+1, len(outcomes), errs[i])
		}
	}
}

// closePublishing closes the backend while 20 goroutines publish.
func closePublishing(t *trial) {
	var accepted sync.Mutex
	var outcomes []*outcome
	const goroutines = 20
	running, stopped := make(chan error, goroutines), make(chan error, goroutines)
	for g := range goroutines {
		go func() {
			key := fmt.Sprint("key", g)
			for n := 0; ; n++ {
				m := t.numbered(key, n)
				o := newOutcome(m)
				err := t.Backend.Publish(context.Background(), m, o.done)
				if n == 0 {
					running <- nil
				}
				if err != nil {
					stopped <- err
					return
				}
				accepted.Lock()
				outcomes = append(outcomes, o)
				accepted.Unlock()
			}
		}()
	}
	for range goroutines {
		_ = t.receive("Publish", running)
	}
	_ = t.close(context.Background())
	for range goroutines {
		if err := t.receive("Publish", stopped); !errors.Is(err, signalcast.ErrClosed) {
			t.Fatalf("Publish returned %v during Close, want %v", err, signalcast.ErrClosed)
		}
	}
	t.outcomes(outcomes...)
}

// noGoroutineLeft runs the cleanups of the harness too, so that the remaining goroutines are those of
// the backend.
func noGoroutineLeft(t *trial) {
	scope := &scope{TB: t.TB}
	family := newFamily()
	outer := t.TB
	t.TB = scope
	t.open(Limits{})
	t.TB = outer
	family.grow()
	var outcomes []*outcome
	for n := range 20 {
		m := t.numbered("key", n)
		o := newOutcome(m)
		outcomes = append(outcomes, o)
		err := t.within("Publish", func() error {
			family.join()
			return t.Backend.Publish(context.Background(), m, o.done)
		})
		if err != nil {
			t.Fatalf("Publish: %v", err)
		}
		family.grow()
	}
	t.deliver(outcomes...)
	family.grow()
	_ = t.within("Close", func() error {
		family.join()
		return t.Backend.Close(context.Background())
	})
	scope.end()
	if left := family.wait(t.harness.Patience); left != "" {
		t.Fatalf("goroutines are left:\n%s", left)
	}
}

// scope is a test within a test: its cleanups run at its end.
type scope struct {
	testing.TB

	cleanups []func()
}

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) end() {
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
}
