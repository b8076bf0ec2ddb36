//go:build integration

package faults_test

import (
	"time"

	"github.com/signalcast/signalcast/test/faults"
)

// connectionFaults are the scenarios of a proxy between a backend and one server.
func connectionFaults(p *faults.Proxy) []scenario {
	set := func(f faults.Fault) func() error {
		return func() error {
			p.Set(f)
			return nil
		}
	}
	again := func(f func()) func(string) error {
		return func(string) error {
			for range 10 {
				f()
				<-time.After(100 * time.Millisecond)
			}
			return nil
		}
	}
	return []scenario{{
		name: "cut", fault: "connections cut, 10 times in 1 s", interrupts: true, short: true,
		inject: again(p.Cut),
	}, {
		name: "reset", fault: "connections reset, 10 times in 1 s", interrupts: true,
		inject: again(p.Reset),
	}, {
		name: "away", fault: "connections closed as soon as they are made, for 2 s", interrupts: true,
		inject: func(string) error {
			p.Set(faults.Away)
			p.Cut()
			return during(2*time.Second, set(faults.Away), set(faults.Healthy))
		},
	}, {
		name: "latency", fault: "25 ms latency each way for 2 s",
		inject: func(string) error { return during(2*time.Second, set(faults.Latency), set(faults.Healthy)) },
	}, {
		name: "slow close", fault: "connections closed by the server, which the client sees 1 s later", interrupts: true,
		inject: func(string) error {
			p.CloseSlowly(time.Second)
			return nil
		},
	}, {
		name: "black hole", fault: "nothing passes for 3 s, then everything that was held", interrupts: true, short: true,
		inject: func(string) error { return during(3*time.Second, set(faults.BlackHole), set(faults.Healthy)) },
	}, {
		name: "lost responses", fault: "responses lost for 1 s, then the connection", interrupts: true, short: true,
		inject: func(string) error { return during(time.Second, set(faults.LostResponses), set(faults.Healthy)) },
	}, {
		name: "gone", fault: "nothing passes until after Close, with a deadline of 1 s", interrupts: true, short: true,
		inject: func(string) error { return set(faults.BlackHole)() },
		heal:   func() { p.Set(faults.Healthy) },
	}, {
		name: "large", fault: "every 500th event larger than the whole buffer", largeBytes: bufferBytes, short: true,
		inject: func(string) error { return nil },
	}}
}

// during lets a fault last for a while.
func during(d time.Duration, begin, end func() error) error {
	if err := begin(); err != nil {
		return err
	}
	<-time.After(d)
	return end()
}
