package hosts

import (
	"context"
	"errors"
)

// Drop makes the router drop the packets from one host to another, until Pass is called. Neither host notices.
func (n *Network) Drop(from, to Host) error {
	return n.rule("add", drop, "from", from.Addr, "to", to.Addr)
}

// Pass ends Drop.
func (n *Network) Pass(from, to Host) error {
	return n.rule("delete", drop, "from", from.Addr, "to", to.Addr)
}

// Split makes the router drop the packets between two groups of hosts, in both directions, until Join is called.
func (n *Network) Split(some, others []Host) error { return both(some, others, n.Drop) }

// Join ends Split.
func (n *Network) Join(some, others []Host) error { return both(some, others, n.Pass) }

func both(some, others []Host, f func(from, to Host) error) (err error) {
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

// The actions of a rule. The router drops a packet without a message, or replies with an ICMP message.
const (
	drop   = "blackhole"
	reject = "unreachable"
)

// rule adds or deletes a rule of the router.
func (n *Network) rule(change, action string, selector ...string) error {
	return run(context.Background(), append(append([]string{"ip", "-n", router, "rule", change}, selector...), action)...)
}

// Reject makes the router reply to packets from one host to another that the network of the other one is unreachable, until Admit is
// called. Connecting fails at once then.
func (n *Network) Reject(from, to Host) error {
	return n.rule("add", reject, "from", from.Addr, "to", to.Addr)
}

// Admit ends Reject.
func (n *Network) Admit(from, to Host) error {
	return n.rule("delete", reject, "from", from.Addr, "to", to.Addr)
}
