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

// broken is a backend that treats one message in its own way.
type broken struct {
	*memory.Backend

	victim func(b *broken, m *signalcast.Message, done func(signalcast.Receipt, error)) error
	closes func()

	mu   sync.Mutex
	held *signalcast.Message
}

const victim = 100 // the number of the event

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

// store stores a message, and tells nobody.
func (b *broken) store(m *signalcast.Message) {
	_ = b.Backend.Publish(context.Background(), m, func(signalcast.Receipt, error) {})
}

//nolint:paralleltest // it counts the goroutines of the process
func TestSuiteNoticesBrokenBackends(t *testing.T) {
	leaked := make(chan struct{})
	defer close(leaked)
	type done = func(signalcast.Receipt, error)
	tests := map[string]struct {
		victim func(*broken, *signalcast.Message, done) error
		closes func()
		want   string // empty means that nothing is wrong
	}{
		"one that is right": {},
		"one that acknowledges what it has not stored": {
			victim: func(_ *broken, _ *signalcast.Message, done done) error {
				done(signalcast.Receipt{}, nil)
				return nil
			},
			want: "1 acknowledged events are missing",
		},
		"one that stores twice": {
			victim: func(b *broken, m *signalcast.Message, done done) error {
				b.store(m)
				return b.Backend.Publish(context.Background(), m, done)
			},
			want: "only 0 duplicates are explained by lost acknowledgements",
		},
		"one that says of what it stores that it was not written": {
			victim: func(b *broken, m *signalcast.Message, done done) error {
				b.store(m)
				done(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: signalcast.FateNotWritten})
				return nil
			},
			want: "1 events are there that were not written",
		},
		"one that forgets to report": {
			victim: func(b *broken, m *signalcast.Message, _ done) error {
				b.store(m)
				return nil
			},
			want: "1 events have no fate",
		},
		"one in which a message overtakes another of its key": {
			victim: func(b *broken, m *signalcast.Message, done done) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.held = m
				done(signalcast.Receipt{}, nil)
				return nil
			},
			want: "1 events are out of order",
		},
		"one that takes its time to close": {
			closes: func() { <-time.After(closeDeadline + 1100*time.Millisecond) },
			want:   "close with 1s took",
		},
		"one that leaves a goroutine behind": {
			closes: func() { go func() { <-leaked }() },
			want:   "1 goroutines are left",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := &broken{Backend: memory.New(), victim: test.victim, closes: test.closes}
			p := &place{
				open:   func(testing.TB) backend { return b },
				copies: noCopies,
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
