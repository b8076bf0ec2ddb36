package consumetest

import "context"

// stopCases are about the end of Run, and lost connections.
func stopCases(target Target) []Case {
	cases := []Case{
		{"stop", "Run returns when its context ends, with nothing to read", func(t *trial) {
			m := t.start(options{})
			t.until("a feed is open", func() bool { return len(m.Status().Feeds) > 0 })
			m.stop()
			if n := len(m.Status().Feeds); n != 0 {
				t.Fatalf("found %d open feeds after Run; want none", n)
			}
		}},
		{"stop-at-once", "Run returns if its context has ended already", func(t *trial) {
			m := t.prepare(options{})
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			m.runWith(ctx)
			m.stop()
		}},
	}
	if target.Interrupt == nil {
		return cases
	}
	return append(cases,
		Case{"interrupt", "After a lost connection, a member continues without losing a message", func(t *trial) {
			m := t.start(options{})
			t.sendNumbers(0, 10)
			m.handledAll(10)
			restore := t.target.Interrupt(t.TB)
			t.until("the member reports the trouble", func() bool { return len(m.Status().Troubles) > 0 })
			restore()
			t.sendNumbers(10, 10)
			for n := range int64(20) {
				m.has(n)
			}
			t.until("the trouble ends", func() bool { return len(m.Status().Troubles) == 0 })
			m.stop()
		}},
		Case{"interrupt-stop", "Run returns when its context ends, without a connection", func(t *trial) {
			m := t.start(options{})
			t.sendNumbers(0, 1)
			m.has(0)
			restore := t.target.Interrupt(t.TB)
			defer restore()
			t.until("the member reports the trouble", func() bool { return len(m.Status().Troubles) > 0 })
			m.stop()
		}},
	)
}
