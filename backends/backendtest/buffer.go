package backendtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/signalcast/signalcast"
)

// small is a buffer that is quickly full.
const small = 4

// bufferCases are about the bounded buffer and the context of Publish.
func bufferCases(h Harness) []Case {
	cases := []Case{
		{"publish-returns", "Publish does not wait for the destination", func(t *trial) {
			t.open(Limits{})
			t.Stop()
			o := t.publish(t.numbered("key", 1))
			t.Start()
			t.deliver(o)
		}},
		{"room-first", "room is tried before the context is looked at: a message that fits is taken even when the context has ended", func(t *trial) {
			t.open(Limits{})
			o, err := t.tryPublish(ended(), t.numbered("key", 1))
			if err != nil {
				t.Fatalf("Publish: %v", err)
			}
			t.deliver(o)
		}},
		{"context-over", "once a message is taken, the context plays no part", func(t *trial) {
			t.open(Limits{})
			t.Stop()
			ctx, cancel := context.WithCancel(context.Background())
			o, err := t.tryPublish(ctx, t.numbered("key", 1))
			cancel()
			if err != nil {
				t.Fatalf("Publish: %v", err)
			}
			t.Start()
			t.deliver(o)
		}},
		{"buffer-messages", "the buffer takes as many messages as it is configured for, and no more", func(t *trial) {
			t.open(Limits{Messages: small})
			t.Stop()
			if taken, _, _ := t.fill(); len(taken) != small {
				t.Fatalf("a buffer for %d messages took %d", small, len(taken))
			}
		}},
		{"buffer-bytes", "the buffer takes no more bytes than it is configured for", func(t *trial) {
			const limit, one = 16 << 10, 1 << 10
			t.open(Limits{Bytes: limit})
			t.Stop()
			taken := 0
			for taken <= limit {
				m := t.message(bytes.Repeat([]byte("k"), one/2), bytes.Repeat([]byte("v"), one/2))
				if _, err := t.tryPublish(ended(), m); err != nil {
					break
				}
				taken += one
			}
			if taken == 0 || taken > limit {
				t.Fatalf("a buffer for %d bytes took %d", limit, taken)
			}
		}},
		{"cancelled-before", "when there is no room and the context has ended, Publish returns the context's error", func(t *trial) {
			t.open(Limits{Messages: small})
			t.Stop()
			if _, _, err := t.fill(); !errors.Is(err, context.Canceled) {
				t.Fatalf("Publish returned %v, want %v", err, context.Canceled)
			}
		}},
		{"cancelled-waiting", "while Publish waits for room, it returns when the context is cancelled", func(t *trial) {
			t.open(Limits{Messages: small})
			t.Stop()
			t.fill()
			ctx, cancel := context.WithCancel(context.Background())
			_, result := t.startPublish(ctx)
			cancel()
			if err := t.receive("Publish, cancelled,", result); !errors.Is(err, context.Canceled) {
				t.Fatalf("Publish returned %v, want %v", err, context.Canceled)
			}
		}},
		{"deadline-waiting", "while Publish waits for room, it returns when the context's deadline passes", func(t *trial) {
			t.open(Limits{Messages: small})
			t.Stop()
			t.fill()
			ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			_, result := t.startPublish(ctx)
			if err := t.receive("Publish, past its deadline,", result); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Publish returned %v, want %v", err, context.DeadlineExceeded)
			}
		}},
		{"refused-not-written", "a message that Publish refused is never written, and its done is never called", func(t *trial) {
			t.open(Limits{Messages: small})
			t.Stop()
			taken, refused, _ := t.fill()
			t.Start()
			t.settle(taken...)
			_ = t.close(context.Background())
			if calls, _ := refused.now(); calls > 0 {
				t.Error("done was called for the message refused")
			}
			if slices.Contains(t.values(), refused.value) {
				t.Error("the message refused was written")
			}
		}},
		{"room-again", "a Publish that waits for room goes on when there is some", func(t *trial) {
			t.open(Limits{Messages: small})
			t.Stop()
			taken, _, _ := t.fill()
			o, result := t.startPublish(context.Background())
			t.Start()
			if err := t.receive("Publish, with room again,", result); err != nil {
				t.Fatalf("Publish: %v", err)
			}
			t.deliver(append(taken, o)...)
		}},
		{"too-large", "a message larger than the whole buffer is refused with ErrTooLarge, never waited for", func(t *trial) {
			const limit = 16 << 10
			t.open(Limits{Bytes: limit})
			t.requireTooLarge(t.message([]byte("key"), make([]byte, limit)))
			t.requireTooLarge(t.message(make([]byte, limit), []byte("value")))
		}},
	}
	if h.MaxMessageBytes > 0 {
		cases = append(cases, Case{"too-large-for-destination", "a message larger than the destination accepts is refused with ErrTooLarge", func(t *trial) {
			t.open(Limits{})
			t.requireTooLarge(t.message([]byte("key"), make([]byte, t.harness.MaxMessageBytes)))
		}})
	}
	if !h.NoFailFast {
		cases = append(cases, Case{"fail-fast", "a backend configured to fail fast answers ErrBufferFull when there is no room", func(t *trial) {
			t.open(Limits{Messages: small, FailFast: true})
			t.Stop()
			t.fill()
			o, result := t.startPublish(context.Background())
			if err := t.receive("Publish, failing fast,", result); !errors.Is(err, signalcast.ErrBufferFull) {
				t.Fatalf("Publish returned %v for message %q, want %v", err, o.value, signalcast.ErrBufferFull)
			}
		}})
	}
	return cases
}

// startPublish publishes a message on a goroutine of its own.
func (t *trial) startPublish(ctx context.Context) (*outcome, <-chan error) {
	m := t.numbered("key", 1_000)
	o := newOutcome(m)
	result := make(chan error, 1)
	go func() { result <- t.Backend.Publish(ctx, m, o.done) }()
	return o, result
}

func (t *trial) requireTooLarge(m *signalcast.Message) {
	t.Helper()
	if _, err := t.tryPublish(context.Background(), m); !errors.Is(err, signalcast.ErrTooLarge) {
		t.Fatalf("Publish returned %v, want %v", err, signalcast.ErrTooLarge)
	}
}
