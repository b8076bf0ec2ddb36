package backendtest

import (
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
)

// healthCases are about the optional methods that report the state of a backend. A backend without
// the method passes.
func healthCases() []Case {
	return []Case{
		{"buffered", "Buffered returns the number of accepted messages without an outcome, and the limit", func(t *trial) {
			t.open(Limits{Messages: small})
			reporter, ok := t.Backend.(interface{ Buffered() signalcast.BufferUsage })
			if !ok {
				return
			}
			t.Stop()
			accepted := t.publishRange(0, small-1, "key")
			if u := reporter.Buffered(); u.Messages != small-1 || u.MaxMessages != small || u.Bytes <= 0 {
				t.Fatalf("Buffered returned %+v with %d messages in a buffer for %d", u, small-1, small)
			}
			t.Start()
			t.deliver(accepted...)
			t.flush()
			if u := reporter.Buffered(); u.Messages != 0 || u.Bytes != 0 {
				t.Fatalf("Buffered returned %+v, want an empty buffer", u)
			}
		}},
		{"troubles", "Troubles names the topic and the cause while messages cannot be delivered, and is empty afterwards", func(t *trial) {
			t.open(Limits{})
			reporter, ok := t.Backend.(interface{ Troubles() []signalcast.Trouble })
			if !ok {
				return
			}
			t.away()
			accepted, n := t.publish(t.numbered("key", 1)), 1
			t.eventually("Troubles is empty while the broker is away", func() bool {
				if calls, _ := accepted.now(); calls > 0 { // the broker was not away yet
					n++
					accepted = t.publish(t.numbered("key", n))
				}
				return len(reporter.Troubles()) > 0
			})
			for _, trouble := range reporter.Troubles() {
				if trouble.Topic != "" && trouble.Topic != t.topic || trouble.Err == nil || trouble.Since.IsZero() {
					t.Fatalf("found trouble %+v, want topic %q or none, a cause and a time", trouble, t.topic)
				}
			}
			t.Start()
			t.deliver(accepted)
			t.eventually("Troubles is not empty after the outage", func() bool { return len(reporter.Troubles()) == 0 })
		}},
	}
}

// eventually waits for a condition.
func (t *trial) eventually(problem string, condition func() bool) {
	t.Helper()
	timeout := time.After(t.harness.Patience)
	for !condition() {
		select {
		case <-time.After(time.Millisecond):
		case <-timeout:
			usage := "unknown"
			if reporter, ok := t.Backend.(interface{ Buffered() signalcast.BufferUsage }); ok {
				usage = fmt.Sprintf("%+v", reporter.Buffered())
			}
			t.Fatalf("%s after %v, with the buffer %s", problem, t.harness.Patience, usage)
		}
	}
}
