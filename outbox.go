package signalcast

import (
	"context"
	"fmt"
	"slices"
)

// Outbox stores messages in a database, for a relay to publish. Packages outbox/postgres and
// outbox/sqlite have implementations, and package outbox has the relay. Package
// outbox/outboxtest checks each rule below.
//
// All methods must be safe for concurrent use.
type Outbox interface {
	// Prepare checks the routes of mode outbox before they take effect, enabled and
	// disabled routes alike: that the tables exist in the version that is needed, and that
	// the database may be used. NewDispatcher and Reload call it if there is such a route.
	Prepare(ctx context.Context, routes []Route) error

	// Insert stores messages in one transaction of its own and returns when it is
	// committed. It is called for messages that are sent outside a unit. If Insert returns an error,
	// no message is stored, unless the error wraps ErrCommitUnknown. The messages are
	// valid until Insert returns.
	Insert(ctx context.Context, messages []*Message) error
}

// WithOutbox sets the outbox of routes of mode outbox. The default is nil: a configuration
// with such a route is not valid then. o must be comparable, such as a pointer: units refer
// to it. The caller owns o and closes it after the dispatcher.
func WithOutbox(o Outbox) DispatcherOption {
	return DispatcherOption{func(opts *dispatcherOptions) { opts.outbox = o }}
}

// checkOutbox reports topics of mode outbox if the dispatcher has no outbox.
func (d *Dispatcher) checkOutbox(c ProducerConfig) error {
	if d.options.outbox != nil {
		return nil
	}
	var problems problemList
	for eventType, topics := range c {
		for topic, t := range topics {
			if d.mode(t) == ModeOutbox {
				problems.add(Problem{
					Code: CodeNoOutbox, ConfigPath: ConfigPath{eventType, topic, fieldMode},
					Found: "found mode outbox in a service without an outbox", Want: "another mode, or the option WithOutbox",
				})
			}
		}
	}
	return problems.err()
}

// prepareOutbox lets the outbox check its routes.
func (d *Dispatcher) prepareOutbox(ctx context.Context, routes []Route) error {
	if d.options.outbox == nil {
		return nil
	}
	routes = slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return r.Mode != ModeOutbox })
	if len(routes) == 0 {
		return nil
	}
	if err := d.options.outbox.Prepare(ctx, routes); err != nil {
		return fmt.Errorf("prepare outbox: %w", err)
	}
	return nil
}

// hold binds the messages of modes on-commit and outbox to a unit, or, without one, stores those of
// mode outbox.
func (d *Dispatcher) hold(ctx context.Context, u *unit, all []slot) {
	var slots []*slot
	var messages []*Message
	for i := range all {
		switch s := &all[i]; {
		case u != nil && !s.route.immediate:
			u.hold(ctx, s)
		case u == nil && s.route.outbox:
			slots, messages = append(slots, s), append(messages, &s.message)
		}
	}
	if len(slots) == 0 {
		return
	}
	err := d.options.outbox.Insert(ctx, messages)
	for _, s := range slots {
		if err != nil {
			s.reject(err)
		} else {
			s.stored()
		}
	}
}
