package consumetest

import (
	"context"
	"slices"
	"sync"
)

// groupCases are about several members of one group, and a member that is killed.
func groupCases() []Case {
	return []Case{
		{"together", "Of two members that run, one handles each message. When it leaves, the other continues in the order of each key", func(t *trial) {
			if t.target.Alone != "" {
				t.Skip("a group has one member: " + t.target.Alone)
			}
			var h history
			first, second := t.start(options{receive: h.receive}), t.start(options{receive: h.receive})
			t.sendNumbers(0, 100)
			if !t.target.NoSharing {
				t.until("both members read the topic", func() bool {
					return len(first.Status().Feeds) > 0 && len(second.Status().Feeds) > 0
				})
			}
			t.sendNumbers(100, 100)
			t.until("two members handle 200 messages", func() bool { return len(h.numbers("")) >= 200 })
			leaving, staying := first, second
			if len(second.numbers("")) > len(first.numbers("")) {
				leaving, staying = second, first
			}
			t.sendNumbers(200, 50)
			leaving.stop()
			t.sendNumbers(250, 50)
			t.until("a member handles what the other left", func() bool { return len(h.numbers("")) >= 300 })
			staying.stop()
			t.requireOnce(h.numbers(""), 0, 299)
			for _, key := range keys {
				t.requireOrder(key, h.numbers(key))
			}
		}},
		{"killed", "Messages of a member that ended without acknowledging are delivered to another member, in the order of each key", func(t *trial) {
			if t.target.Kill == nil {
				t.Skip("Target.Kill is nil")
			}
			t.sendNumbers(0, 40)
			release := make(chan struct{})
			killed := t.start(options{receive: func(_ context.Context, i item) error {
				if i.Number >= 20 {
					<-release // the end of the process
				}
				return nil
			}})
			killed.handledAll(20)
			t.target.Kill(t.TB, killed.source)
			m := t.start(options{})
			for n := range int64(20) {
				m.has(20 + n)
			}
			close(release)
			killed.stop()
			m.stop()
			for _, key := range keys {
				t.requireOrder(key, m.numbers(key))
			}
		}},
	}
}

// history is what the receivers of several members handled, in the order of handling.
type history struct {
	mu    sync.Mutex
	items []item
}

func (h *history) receive(_ context.Context, i item) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items = append(h.items, i)
	return nil
}

// numbers returns the numbers of the items in the order of handling. An empty key means all.
func (h *history) numbers(key string) (all []int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, i := range h.items {
		if key == "" || i.Key == key {
			all = append(all, i.Number)
		}
	}
	return all
}

// requireOrder requires that the numbers of a key are sorted.
func (t *trial) requireOrder(key string, numbers []int64) {
	t.Helper()
	if !slices.IsSorted(numbers) {
		t.Fatalf("key %q: found the order %v; want that of publishing", key, numbers)
	}
}

// requireOnce requires that each number from first to last was handled once.
func (t *trial) requireOnce(numbers []int64, first, last int64) {
	t.Helper()
	want := make([]int64, 0, max(0, last-first+1))
	for n := first; n <= last; n++ {
		want = append(want, n)
	}
	if got := slices.Sorted(slices.Values(numbers)); !slices.Equal(got, want) {
		t.Fatalf("handled: found the numbers %v; want %d to %d, once each", got, first, last)
	}
}
