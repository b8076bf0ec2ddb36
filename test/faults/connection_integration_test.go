//go:build integration

package faults_test

import (
	"time"

	"github.com/signalcast/signalcast/test/faults"
)

// connectionFaults returns the scenarios of a proxy between a backend and one server.
func connectionFaults(p *faults.Proxy) []scenario {
	set := func(f faults.Fault) func() error {
		return func() error {
			p.Set(f)
			return nil
		}
	}
	tenTimes := func(f func()) func(string) error {
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
		inject: tenTimes(p.Cut),
	}, {
		name: "reset", fault: "connections reset, 10 times in 1 s", interrupts: true,
		inject: tenTimes(p.Reset),
	}, {
		name: "away", fault: "new connections closed at once, for 2 s", interrupts: true,
		inject: func(string) error {
			p.Set(faults.Away)
			p.Cut()
			return during(2*time.Second, set(faults.Away), set(faults.Healthy))
		},
	}, {
		name: "latency", fault: "25 ms latency each way for 2 s",
		inject: func(string) error { return during(2*time.Second, set(faults.Latency), set(faults.Healthy)) },
	}, {
		name: "slow close", fault: "connections closed by the server, seen by the client 1 s later", interrupts: true,
		inject: func(string) error {
			p.CloseSlowly(time.Second)
			return nil
		},
	}, {
		name: "black hole", fault: "all data held for 3 s, then forwarded", interrupts: true, short: true,
		inject: func(string) error { return during(3*time.Second, set(faults.BlackHole), set(faults.Healthy)) },
	}, {
		name: "lost responses", fault: "responses dropped for 1 s, then connections closed", interrupts: true, short: true,
		inject: func(string) error { return during(time.Second, set(faults.LostResponses), set(faults.Healthy)) },
	}, {
		name: "gone", fault: "all data held until Close, with a deadline of 1 s, has returned", interrupts: true, short: true,
		inject: func(string) error { return set(faults.BlackHole)() },
		heal:   func() { p.Set(faults.Healthy) },
	}, {
		name: "large", fault: "every 500th event larger than the whole buffer", largeBytes: bufferBytes, short: true,
		inject: func(string) error { return nil },
	}}
}

// during calls begin, waits for d and calls end.
func during(d time.Duration, begin, end func() error) error {
	if err := begin(); err != nil {
		return err
	}
	<-time.After(d)
	return end()
}
