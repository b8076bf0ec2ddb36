package backendtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/signalcast/signalcast"
)

// bufferCases are about the bounded buffer and the context of Publish.
func bufferCases(h Harness) []Case {
	cases := []Case{
		{"publish-returns", "Publish does not wait for a broker that was never reached", func(t *trial) {
			t.open(Limits{})
			t.Stop()
			o := t.publish(t.numbered("key", 1))
			t.Start()
			t.deliver(o)
		}},
		{"room-first", "a message that fits is accepted even if the context has ended", func(t *trial) {
			t.open(Limits{})
			o, err := t.tryPublish(ended(), t.numbered("key", 1))
			if err != nil {
				t.Fatalf("Publish: %v", err)
			}
			t.deliver(o)
		}},
		{"context-over", "the context does not matter once a message is accepted", func(t *trial) {
			t.open(Limits{})
			t.away()
			ctx, cancel := context.WithCancel(context.Background())
			o, err := t.tryPublish(ctx, t.numbered("key", 1))
			cancel()
			if err != nil {
				t.Fatalf("Publish: %v", err)
			}
			t.Start()
			t.deliver(o)
		}},
		{"buffer-messages", "the buffer accepts as many messages as configured, and no more", func(t *trial) {
			const limit = 7
			t.open(Limits{Messages: limit})
			t.Stop()
			t.publishRange(0, limit, "key")
			if _, err := t.tryPublish(ended(), t.numbered("key", limit)); err == nil {
				t.Fatalf("a buffer for %d messages accepted more", limit)
			}
		}},
		{"buffer-bytes", "the buffer accepts no more bytes than configured", func(t *trial) {
			const limit, one = 16 << 10, 1 << 10
			t.open(Limits{Bytes: limit})
			t.Stop()
			m := t.message(bytes.Repeat([]byte("k"), one/2), bytes.Repeat([]byte("v"), one/2))
			t.publish(m)
			for accepted := one; ; accepted += one {
				if accepted > limit {
					t.Fatalf("a buffer for %d bytes accepted %d", limit, accepted)
				}
				if _, err := t.tryPublish(ended(), m); err != nil {
					return
				}
			}
		}},
		{"cancelled-before", "if the buffer is full and the context has ended, Publish returns the error of the context", func(t *trial) {
			t.openFull(Limits{})
			if _, err := t.tryPublish(ended(), t.numbered("late", 0)); !errors.Is(err, context.Canceled) {
				t.Fatalf("Publish returned %v, want %v", err, context.Canceled)
			}
		}},
		{"cancelled-waiting", "a Publish that waits for room returns when the context is canceled", func(t *trial) {
			t.openFull(Limits{})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			_, result := t.startPublish(ctx)
			cancel()
			if err := t.receive("Publish, cancelled,", result); !errors.Is(err, context.Canceled) {
				t.Fatalf("Publish returned %v, want %v", err, context.Canceled)
			}
		}},
		{"deadline-waiting", "a Publish that waits for room returns when the deadline of the context passes", func(t *trial) {
			t.openFull(Limits{})
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			_, result := t.startPublish(ctx)
			if err := t.receive("Publish, past its deadline,", result); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Publish returned %v, want %v", err, context.DeadlineExceeded)
			}
		}},
		{"full-error", "the error of a Publish without room wraps ErrBufferFull, also if the context has ended", func(t *trial) {
			t.openFull(Limits{})
			ctx, cancel := context.WithTimeout(context.Background(), 0)
			defer cancel()
			if _, err := t.tryPublish(ctx, t.numbered("late", 0)); !errors.Is(err, signalcast.ErrBufferFull) {
				t.Fatalf("Publish returned %v, want %v", err, signalcast.ErrBufferFull)
			}
		}},
		{"rejected-not-written", "a rejected message is never written, and its done is never called", func(t *trial) {
			accepted := t.openFull(Limits{})
			rejected, err := t.tryPublish(ended(), t.numbered("late", 0))
			t.Start()
			t.outcomes(accepted...)
			_ = t.close(context.Background())
			if calls, _ := rejected.now(); err != nil && calls > 0 {
				t.Error("done was called for a rejected message")
			}
			if err != nil && slices.Contains(t.values(), rejected.value) {
				t.Error("a rejected message was written")
			}
		}},
		{"room-again", "a Publish that waits for room continues when there is some", func(t *trial) {
			accepted := t.openFull(Limits{})
			o, result := t.startPublish(context.Background())
			t.Start()
			if err := t.receive("Publish, with room again,", result); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			t.deliver(append(accepted, o)...)
		}},
		{"too-large", "a message larger than the whole buffer is rejected with ErrTooLarge at once", func(t *trial) {
			const limit = 16 << 10
			t.open(Limits{Bytes: limit})
			t.requireTooLarge(t.message([]byte("key"), make([]byte, limit)))
			t.requireTooLarge(t.message(make([]byte, limit), []byte("value")))
		}},
	}
	if h.MaxMessageBytes > 0 {
		cases = append(cases, Case{"too-large-for-broker", "a message larger than the broker accepts is rejected with ErrTooLarge", func(t *trial) {
			t.open(Limits{})
			t.requireTooLarge(t.message([]byte("key"), make([]byte, t.harness.MaxMessageBytes)))
		}})
	}
	if !h.NoFailFast {
		cases = append(cases, Case{"fail-fast", "a backend configured to fail fast returns ErrBufferFull if the buffer is full", func(t *trial) {
			t.openFull(Limits{FailFast: true})
			_, result := t.startPublish(context.Background())
			if err := t.receive("Publish, failing fast,", result); !errors.Is(err, signalcast.ErrBufferFull) {
				t.Fatalf("Publish returned %v, want %v", err, signalcast.ErrBufferFull)
			}
		}})
	}
	return cases
}

func (t *trial) requireTooLarge(m *signalcast.Message) {
	t.Helper()
	if _, err := t.tryPublish(context.Background(), m); !errors.Is(err, signalcast.ErrTooLarge) {
		t.Fatalf("Publish returned %v, want %v", err, signalcast.ErrTooLarge)
	}
}
