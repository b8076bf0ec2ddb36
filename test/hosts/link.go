package hosts

import (
	"context"
	"errors"
)

// Drop makes the router drop the packets from one host to another, until Pass is called. Neither host notices.
func (n *Network) Drop(from, to Host) error { return n.rule("add", "from", from.Addr, "to", to.Addr) }

// Pass ends Drop.
func (n *Network) Pass(from, to Host) error {
	return n.rule("delete", "from", from.Addr, "to", to.Addr)
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
	return errors.Join(n.rule("add", "from", h.Addr), n.rule("add", "to", h.Addr))
}

// Rejoin ends Isolate.
func (n *Network) Rejoin(h Host) error {
	return errors.Join(n.rule("delete", "from", h.Addr), n.rule("delete", "to", h.Addr))
}

// rule changes the rules of the router. The action "blackhole" sends no ICMP message.
func (n *Network) rule(change string, selector ...string) error {
	return n.ruleFor("blackhole", change, selector...)
}

func (n *Network) ruleFor(action, change string, selector ...string) error {
	return run(context.Background(), append(append([]string{"ip", "-n", router, "rule", change}, selector...), action)...)
}

// Reject makes the router reply to packets from one host to another that the network of the other one is unreachable, until Admit is
// called. Connecting fails at once then.
func (n *Network) Reject(from, to Host) error {
	return n.ruleFor("unreachable", "add", "from", from.Addr, "to", to.Addr)
}

// Admit ends Reject.
func (n *Network) Admit(from, to Host) error {
	return n.ruleFor("unreachable", "delete", "from", from.Addr, "to", to.Addr)
}
