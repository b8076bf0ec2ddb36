package consumetest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast/consume"
)

// failureCases are about messages that fail, and dead letters.
func failureCases() []Case {
	return []Case{
		{"retry", "A failed message is handled again, in the order of its key, while those of other keys are handled", func(t *trial) {
			var working atomic.Bool
			retry := consume.Retry{Attempts: math.MaxInt, Min: time.Millisecond, Max: 10 * time.Millisecond}
			m := t.start(options{config: consume.Config{Retry: retry}, receive: func(_ context.Context, i item) error {
				if i.Key == "a" && !working.Load() {
					if i.Number%2 == 0 {
						panic("a receiver that panics")
					}
					return errors.New("fails")
				}
				return nil
			}})
			t.sendNumbers(0, 50)
			m.handledAll(40)
			working.Store(true)
			m.handledAll(50)
			m.stop()
			m.requireNumbers(0, 49)
			t.requireOrder("a", m.numbers("a"))
		}},
		{"dead-letter", "A dead letter has the key, the data and the attributes of its message", func(t *trial) {
			letter, original := t.deadLetter()
			a, b := letter.message.Attributes, original.message.Attributes
			if letter.event.Data.Number != original.event.Data.Number || letter.event.Metadata != original.event.Metadata {
				t.Errorf("found %+v; want %+v", letter.event, original.event)
			}
			if string(letter.message.Key) != string(original.message.Key) || string(a.TraceParent) != string(b.TraceParent) {
				t.Errorf("found the key %q and the trace %q; want %q and %q", letter.message.Key, a.TraceParent, original.message.Key, b.TraceParent)
			}
		}},
		{"dead-letter-fields", "A dead letter has the reason, the attempts, the group and the position", func(t *trial) {
			if t.target.NoFields {
				return
			}
			letter, original := t.deadLetter()
			fields := map[string]string{}
			for _, f := range letter.message.Extra {
				fields[f.Name] = f.Value
			}
			if !strings.Contains(fields[consume.FieldReason], "cannot be handled") || fields[consume.FieldAttempts] == "" ||
				fields[consume.FieldGroup] != t.group || fields[consume.FieldPosition] != original.message.Position() {
				t.Errorf("found the fields %v; want the reason, the attempts, group %q and position %q", fields, t.group, original.message.Position())
			}
		}},
		{"dead-letter-fails", "A message whose dead letter cannot be published is not acknowledged", func(t *trial) {
			var publish atomic.Int64
			t.send(item{Key: "a", Number: 1})
			m := t.start(options{
				config:  consume.Config{Grace: 20 * time.Millisecond},
				receive: func(context.Context, item) error { return consume.ErrPermanent },
				wrap:    func(s consume.Source) consume.Source { return &failing{s, &publish} },
			})
			t.until("the dead letter fails twice", func() bool { return publish.Load() > 1 })
			m.stop()
			m = t.start(options{})
			m.has(1)
			m.stop()
		}},
		{"ledger", "The counts add up at every moment", func(t *trial) {
			m := t.start(options{receive: func(_ context.Context, i item) error {
				if i.Number%7 == 0 {
					return fmt.Errorf("cannot be handled: %w", consume.ErrPermanent)
				}
				return nil
			}})
			t.createTopic(t.deadLetterTopic())
			if err := t.sample(m, func() error { return nil }, func() {
				t.sendNumbers(0, 70)
				t.until("all are handled", func() bool { c := m.counts(); return c.Handled+c.DeadLettered >= 70 })
			}); err != nil {
				t.Fatal(err)
			}
			m.stop()
			if c := m.counts(); c.Received != 70 || c.Handled != 60 || c.DeadLettered != 10 {
				t.Fatalf("found %+v; want 70 received, 60 handled, 10 dead-lettered", c)
			}
		}},
	}
}

func (t *trial) deadLetterTopic() string { return consume.DeadLetterTopic(t.topic, t.group, "dead") }

// deadLetter sends a message that becomes a dead letter, and reads it. It returns what the receivers got of both.
func (t *trial) deadLetter() (letter, original call) {
	t.Helper()
	t.createTopic(t.deadLetterTopic())
	t.send(item{Key: "a", Number: 1})
	m := t.start(options{receive: func(context.Context, item) error {
		return fmt.Errorf("cannot be handled: %w", consume.ErrPermanent)
	}})
	t.until("the message is dead-lettered", func() bool { return m.counts().DeadLettered == 1 })
	m.stop()
	r := t.start(options{group: t.group + "-2", topics: []string{t.deadLetterTopic()}})
	r.has(1)
	r.stop()
	return r.calls[0], m.calls[0]
}

// failing is a source whose dead letters fail.
type failing struct {
	consume.Source

	published *atomic.Int64
}

func (f *failing) Publish(context.Context, string, *consume.Message, []consume.Field) error {
	f.published.Add(1)
	return errors.New("the dead-letter topic does not work")
}
