//go:build integration

package faults_test

import (
	"time"

	"github.com/signalcast/signalcast/test/hosts"
)

// dropBetween drops the packets between two hosts, in both directions, for d.
func dropBetween(n *hosts.Network, a, b hosts.Host, d time.Duration) error {
	some, others := []hosts.Host{a}, []hosts.Host{b}
	return during(d, func() error { return n.Split(some, others) }, func() error { return n.Join(some, others) })
}

// slowBetween delays the packets between two hosts by 50 ms each way, and drops 5 % of them, for 10 s.
func slowBetween(n *hosts.Network, a, b hosts.Host) error {
	heal, err := n.Slow(a, b, 50*time.Millisecond, 0.05)
	if err != nil {
		return err
	}
	<-time.After(10 * time.Second)
	return heal()
}
