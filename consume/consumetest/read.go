package consumetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signalcast/signalcast/consume"
)

// readCases are about what members get.
func readCases(target Target) []Case {
	cases := []Case{
		{"once", "A member handles all messages once", func(t *trial) {
			t.sendNumbers(0, 100)
			m := t.start(options{})
			t.sendNumbers(100, 100)
			m.handledAll(200)
			m.stop()
			m.requireNumbers(0, 199)
			if c := m.counts(); c.Received != 200 || c.Handled != 200 {
				t.Fatalf("found %+v; want 200 messages received and handled", c)
			}
		}},
		{"order", "Messages of equal keys are handled in the order of publishing", func(t *trial) {
			t.sendNumbers(0, 200)
			m := t.start(options{})
			m.handledAll(200)
			for _, key := range keys {
				t.requireOrder(key, m.numbers(key))
			}
		}},
		{"data", "The data and the attributes of an event arrive equal, with FromEventBus set, and are not published again", func(t *trial) {
			at := time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)
			want := item{Key: "käse", Number: -7, At: &at}
			t.send(want)
			m := t.start(options{})
			m.has(-7)
			m.stop()
			c := m.calls[0]
			meta, got := c.event.Metadata, c.event.Data
			if got.Key != want.Key || got.Number != want.Number || got.At == nil || !got.At.Equal(at) {
				t.Errorf("data: found %+v; want %+v", c.event.Data, want)
			}
			wantMeta := t.sent
			wantMeta.FromEventBus = true
			if meta != wantMeta {
				t.Errorf("metadata: found %+v; want %+v", meta, wantMeta)
			}
			if c.message.Topic != t.topic || c.message.Key == nil && !t.target.NoKeys {
				t.Errorf("message: found topic %q and key %q; want those of the sender", c.message.Topic, c.message.Key)
			}
			if n := len(m.republished.Messages()); n != 0 {
				t.Errorf("found %d events published again; want none", n)
			}
		}},
		{"trace", "The trace of a message arrives", func(t *trial) {
			t.send(item{Number: 1})
			m := t.start(options{})
			m.has(1)
			m.stop()
			a := m.calls[0].message.Attributes
			if string(a.TraceParent) != traceParent || string(a.TraceState) != traceState {
				t.Fatalf("found the trace %q, %q; want %q, %q", a.TraceParent, a.TraceState, traceParent, traceState)
			}
		}},
		{"positions", "Each message has a position of its own", func(t *trial) {
			t.sendNumbers(0, 50)
			m := t.start(options{})
			m.handledAll(50)
			m.stop()
			seen := map[string]bool{}
			for _, c := range m.calls {
				position := c.message.Position()
				if seen[position] || !strings.HasPrefix(position, t.topic+"/") {
					t.Fatalf("found the position %q twice, or without the topic; want a different one for each message", position)
				}
				seen[position] = true
			}
		}},
		{"topics", "A member reads all its topics", func(t *trial) {
			other := newTrial(t.TB, t.target)
			t.send(item{Number: 1})
			other.send(item{Number: 2})
			m := t.start(options{topics: []string{t.topic, other.topic}})
			m.has(1)
			m.has(2)
			m.stop()
		}},
		{"groups", "Each group gets all messages", func(t *trial) {
			first, second := t.start(options{}), t.start(options{group: t.group + "-2"})
			t.sendNumbers(0, 20)
			first.handledAll(20)
			second.handledAll(20)
			first.stop()
			second.stop()
			first.requireNumbers(0, 19)
			second.requireNumbers(0, 19)
		}},
		{"in-flight", "A feed gets no more messages than it has room for", func(t *trial) {
			const most = 4
			release := make(chan struct{})
			m := t.start(options{config: consume.Config{MaxInFlight: most}, receive: func(ctx context.Context, _ item) error {
				select {
				case <-release:
				case <-ctx.Done():
				}
				return ctx.Err()
			}})
			for i := range 10 * most {
				t.send(item{Key: "a", Number: int64(i)})
			}
			t.until("messages are read", func() bool { return m.counts().Pending > 0 })
			check := func() error {
				for _, f := range m.Status().Feeds {
					if f.Pending > most {
						return fmt.Errorf("found %d messages that are read and not handled; want at most %d", f.Pending, most)
					}
				}
				return nil
			}
			if err := t.sample(m, check, func() {
				<-time.After(50 * time.Millisecond) // a source that does not ask for room adds more
				close(release)
				m.handledAll(10 * most)
			}); err != nil {
				t.Fatal(err)
			}
		}},
	}
	if !target.NoStart {
		cases = append(cases, startCase())
	}
	return cases
}

func startCase() Case {
	return Case{"start", "A group that does not exist begins at Start.", func(t *trial) {
		t.sendNumbers(0, 5)
		m := t.start(options{start: consume.Latest()})
		n := 5
		t.until("a new group that starts with the next message gets one", func() bool {
			t.sendNumbers(n, 1)
			n++
			return len(m.numbers("")) > 0
		})
		m.stop()
		if got := m.sorted()[0]; got < 5 {
			t.Fatalf("found the number %d, published before the group was made; want only later ones", got)
		}
		m = t.start(options{start: consume.Earliest(), group: t.group + "-2"})
		m.handledAll(n)
		m.stop()
		m.requireNumbers(0, int64(n-1))
	}}
}

// handledAll waits until a member has handled n messages.
func (m *member) handledAll(n int) {
	m.Helper()
	m.until(fmt.Sprintf("a member handles %d messages", n), func() bool { return len(m.numbers("")) >= n })
}

// sample calls check until work has returned, and returns its first error.
func (t *trial) sample(m *member, check func() error, work func()) error {
	t.Helper()
	ended, result := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			m.requireBalance(m.Stats())
			if err := check(); err != nil {
				result <- err
				return
			}
			select {
			case <-ended:
				result <- nil
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	}()
	func() {
		defer close(ended)
		work()
	}()
	return <-result
}
