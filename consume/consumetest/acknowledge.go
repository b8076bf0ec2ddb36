package consumetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/signalcast/signalcast/consume"
)

// acknowledgeCases are about what the next member of the group gets.
func acknowledgeCases() []Case {
	return []Case{
		{"handled", "A message that was handled is not delivered again after a graceful stop", func(t *trial) {
			t.sendNumbers(0, 20)
			m := t.start(options{})
			m.handledAll(20)
			m.stop()
			t.sendNumbers(20, 20)
			m = t.start(options{})
			m.has(39)
			m.handledAll(20)
			m.stop()
			m.requireNumbers(20, 39)
		}},
		{"not-handled", "A message is not acknowledged before its receivers succeeded", func(t *trial) {
			t.sendNumbers(0, 5)
			begun := make(chan struct{}, 5)
			m := t.start(options{config: consume.Config{Grace: 20 * time.Millisecond}, receive: func(ctx context.Context, _ item) error {
				begun <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}})
			<-begun
			m.stop()
			m = t.start(options{})
			m.handledAll(5)
			m.stop()
			m.requireNumbers(0, 4)
		}},
		{"not-handled-between", "A message that fails is delivered again, though later ones were handled", func(t *trial) {
			t.sendNumbers(0, 20)
			m := t.start(options{
				config: consume.Config{Grace: 20 * time.Millisecond, Retry: consume.Retry{Min: time.Hour, Max: time.Hour}},
				receive: func(_ context.Context, i item) error {
					if i.Number == 3 {
						return errors.New("fails")
					}
					return nil
				},
			})
			m.has(2)
			t.until("the message fails", func() bool { return m.counts().Failed > 0 })
			m.has(19 - 4) // of another key: key a
			m.stop()
			m = t.start(options{})
			m.has(3)
			m.stop()
		}},
		{"second-run", "A second Run continues behind what the first one acknowledged", func(t *trial) {
			m := t.start(options{})
			t.sendNumbers(0, 10)
			m.handledAll(10)
			m.stop()
			t.sendNumbers(10, 10)
			m.run()
			m.handledAll(20)
			m.stop()
			m.requireNumbers(0, 19)
		}},
		{"skipped", "Events of unknown types are skipped and acknowledged", func(t *trial) {
			if err := t.unknown.Send(t.context(), t.sender, item{Number: 1}); err != nil {
				t.Fatalf("send: %v", err)
			}
			t.send(item{Number: 2})
			m := t.start(options{})
			m.has(2)
			t.until("the event is skipped", func() bool { return m.Stats().Skipped[unknownType] == 1 })
			m.stop()
			m = t.start(options{})
			t.send(item{Number: 3})
			m.has(3)
			m.stop()
			if n := m.Stats().Skipped[unknownType]; n != 0 {
				t.Fatalf("found %d skipped events delivered again; want none", n)
			}
			m.requireNumbers(3, 3)
		}},
		{"draining", "A message that is published after the context of Run has ended is not handled", func(t *trial) {
			begun, release := make(chan struct{}), make(chan struct{})
			m := t.start(options{receive: func(_ context.Context, i item) error {
				if i.Number == 0 {
					close(begun)
					<-release
				}
				return nil
			}})
			t.send(item{Key: "a"})
			<-begun
			m.cancel()
			t.until("the member gives its feeds away", func() bool {
				return !slices.ContainsFunc(m.Status().Feeds, func(f consume.FeedStatus) bool { return !f.Draining })
			})
			t.send(item{Key: "b", Number: 1}, item{Key: "a", Number: 2})
			close(release)
			m.stop()
			if got := m.numbers(""); slices.Contains(got, 2) {
				t.Fatalf("handled: found the numbers %v; want 0, since 2 was published after the end", got)
			}
			m = t.start(options{})
			m.has(2)
			m.stop()
			if got := m.numbers(""); slices.Contains(got, 0) {
				t.Fatalf("handled: found the numbers %v; want those that the first member did not handle", got)
			}
		}},
	}
}
