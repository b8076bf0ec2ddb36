package hosts

import (
	"context"
	"errors"
	"slices"
)

// Drop makes the router drop the packets from one host to another, until Pass is called. It sends no ICMP message.
func (n *Network) Drop(from, to Host) error {
	return n.rule("add", drop, "from", from.Addr, "to", to.Addr)
}

// Pass ends Drop.
func (n *Network) Pass(from, to Host) error {
	return n.rule("delete", drop, "from", from.Addr, "to", to.Addr)
}

// Split makes the router drop the packets between two groups of hosts, in both directions, until Join is called.
func (n *Network) Split(some, others []Host) error { return eachDirection(some, others, n.Drop) }

// Join ends Split.
func (n *Network) Join(some, others []Host) error { return eachDirection(some, others, n.Pass) }

// eachDirection calls f in both directions for each pair of a host of some and a host of others.
func eachDirection(some, others []Host, f func(from, to Host) error) (err error) {
	for _, a := range some {
		for _, b := range others {
			err = errors.Join(err, f(a, b), f(b, a))
		}
	}
	return err
}

// Isolate makes the router drop all packets from and to a host, until Rejoin is called.
func (n *Network) Isolate(h Host) error {
	return errors.Join(n.rule("add", drop, "from", h.Addr), n.rule("add", drop, "to", h.Addr))
}

// Rejoin ends Isolate.
func (n *Network) Rejoin(h Host) error {
	return errors.Join(n.rule("delete", drop, "from", h.Addr), n.rule("delete", drop, "to", h.Addr))
}

// The actions of a rule: drop sends no message, and reject replies with an ICMP message.
const (
	drop   = "blackhole"
	reject = "unreachable"
)

// rule adds or deletes a rule of the router.
func (n *Network) rule(change, action string, selector ...string) error {
	return onRouter(context.Background(), slices.Concat([]string{"rule", change}, selector, []string{action})...)
}

// Reject makes the router reject packets from one host to another, until Admit is called. It replies with the ICMP message
// that the network is unreachable, so that connecting fails at once.
func (n *Network) Reject(from, to Host) error {
	return n.rule("add", reject, "from", from.Addr, "to", to.Addr)
}

// Admit ends Reject.
func (n *Network) Admit(from, to Host) error {
	return n.rule("delete", reject, "from", from.Addr, "to", to.Addr)
}
