package signalcast

import (
	"context"
	"slices"
)

// size returns the bytes that the message takes of the bound of a unit.
func (s *slot) size() int { return len(s.message.Key) + len(s.message.Event.Value) }

// hold notes that a unit holds the message.
func (s *slot) hold() {
	s.state.Store(stateHeld)
	s.delivery.hold(1)
	s.route.counters.held.Add(1)
}

// unhold notes that the unit has ended. An outcome follows.
func (s *slot) unhold() {
	s.route.counters.held.Add(-1)
	s.state.Store(statePending)
	s.delivery.hold(-1)
}

// withdraw notes that the unit was rolled back. This is no failure, so no hook is called.
func (s *slot) withdraw() {
	s.state.Store(stateClaimed)
	s.rejected = true
	s.failure = &DeliveryError{Topic: s.message.Topic, Fate: FateNotWritten, Message: &s.message, Err: ErrRolledBack}
	s.route.counters.withdrawn.Add(1)
	s.complete()
}

// stored notes that the outbox has the message.
func (s *slot) stored() {
	s.state.Store(stateClaimed)
	s.route.counters.stored.Add(1)
	s.complete()
}

// publishCommitted publishes the message after the commit of its unit, unless a switch has turned the
// route off meanwhile.
func (s *slot) publishCommitted(ctx context.Context) {
	d := s.route.dispatcher
	routes := d.table.Load().configured(d.registry.lookup(s.route.EventType))
	if routes != nil && slices.ContainsFunc(routes.suppressed, func(r *route) bool { return r.Topic == s.route.Topic }) {
		s.state.Store(stateClaimed)
		s.route.counters.suppressed.Add(1)
		s.complete()
		return
	}
	s.publish(ctx)
}
