//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// broken is a backend that mishandles one message.
type broken struct {
	*memory.Backend

	victim func(b *broken, m *signalcast.Message, done func(signalcast.Receipt, error)) error
	closes func()

	mu   sync.Mutex
	held *signalcast.Message
}

const victim = 100 // the number of the mishandled event

func (b *broken) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if b.victim != nil && number(m.Event.ID) == victim {
		return b.victim(b, m, done)
	}
	err := b.Backend.Publish(ctx, m, done)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held != nil && number(m.Event.ID) == victim+keys {
		b.store(b.held)
	}
	return err
}

func (b *broken) Close(ctx context.Context) error {
	if b.closes != nil {
		b.closes()
	}
	return b.Backend.Close(ctx)
}

// store stores m without reporting an outcome.
func (b *broken) store(m *signalcast.Message) {
	_ = b.Backend.Publish(context.Background(), m, func(signalcast.Receipt, error) {})
}

//nolint:paralleltest // it counts the goroutines of the process
func TestSuiteRejectsBrokenBackends(t *testing.T) {
	leaked := make(chan struct{})
	defer close(leaked)
	type done = func(signalcast.Receipt, error)
	tests := map[string]struct {
		victim func(*broken, *signalcast.Message, done) error
		closes func()
		want   string // "" if the backend is correct
	}{
		"a correct backend": {},
		"acknowledges a message that it has not stored": {
			victim: func(_ *broken, _ *signalcast.Message, done done) error {
				done(signalcast.Receipt{}, nil)
				return nil
			},
			want: "found 1 delivered events that are not stored",
		},
		"stores a message twice": {
			victim: func(b *broken, m *signalcast.Message, done done) error {
				b.store(m)
				return b.Backend.Publish(context.Background(), m, done)
			},
			want: "found 1 duplicates; want at most 0",
		},
		"reports a stored message as not written": {
			victim: func(b *broken, m *signalcast.Message, done done) error {
				b.store(m)
				done(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: signalcast.FateNotWritten})
				return nil
			},
			want: "found 1 stored events that were reported as not written",
		},
		"reports no outcome": {
			victim: func(b *broken, m *signalcast.Message, _ done) error {
				b.store(m)
				return nil
			},
			want: "found 1 events without a fate",
		},
		"stores a message after a later one of its key": {
			victim: func(b *broken, m *signalcast.Message, done done) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.held = m
				done(signalcast.Receipt{}, nil)
				return nil
			},
			want: "found 1 events out of order",
		},
		"closes late": {
			closes: func() { <-time.After(closeDeadline + 1100*time.Millisecond) },
			want:   "found Close returning after",
		},
		"leaves a goroutine behind": {
			closes: func() { go func() { <-leaked }() },
			want:   "found 1 goroutines after Close",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := &broken{Backend: memory.New(), victim: test.victim, closes: test.closes}
			p := &target{
				open:    func(testing.TB) backend { return b },
				allowed: noDuplicates,
				read: func(_ testing.TB, topic string) (ids []signalcast.UUID) {
					for _, m := range b.Messages(topic) {
						ids = append(ids, m.Event.ID)
					}
					return ids
				},
			}
			o := p.run(t, scenario{inject: func(string) error { return nil }}, "topic", 1000, 300*time.Millisecond)
			if test.want == "" {
				require.Empty(t, o.problems)
				return
			}
			require.Contains(t, fmt.Sprint(o.problems), test.want)
		})
	}
}
