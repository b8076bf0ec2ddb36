package signalcast

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// Stats counts messages since the dispatcher was made. A message is one event
// for one topic, or its dead letter.
type Stats struct {
	// Accepted messages are in the backend's buffer or have left it:
	// Delivered + Failed + Pending.
	Accepted int64
	// Delivered messages were acknowledged by the broker.
	Delivered int64
	// Failed messages were accepted and not delivered. The fate in the error of each says
	// whether it may have been written.
	Failed int64
	// Pending messages have no outcome yet. It is 0 after Flush and Close.
	Pending int64
	// Rejected messages were not accepted by the backend, the outbox or the unit: no room,
	// too large, closed, or an unknown outcome of the commit.
	Rejected int64
	// Held messages wait for the end of their unit. See [Unit].
	Held int64
	// Stored messages are in the outbox. Their relay counts what becomes of them.
	Stored int64
	// Withdrawn messages belonged to a unit that was rolled back.
	Withdrawn int64
	// Suppressed messages were not published because of a switch. See
	// [Dispatcher.SwitchOff].
	Suppressed int64
	// Invalid is the number of events, not messages, that could not be encoded.
	Invalid int64
	// DeadLetters are the Delivered messages that are dead letters. See [WithDeadLetter].
	DeadLetters int64
	// Panics is the number of recovered panics of hooks and of the log handler.
	Panics int64
}

// RouteStats counts the messages of one event type for one topic. The fields have the
// meaning of those of [Stats].
type RouteStats struct {
	// EventType is the name of the signal.
	EventType string
	// Topic is the full name of the destination, prefix included.
	Topic string
	// DeadLetter reports whether Topic is a dead-letter topic. Its messages have a
	// RouteStats of their own.
	DeadLetter bool

	Accepted, Delivered, Failed, Pending, Rejected, Suppressed int64

	Held, Stored, Withdrawn int64
}

// Stats returns the counts. Accepted = Delivered + Failed + Pending holds in every result.
func (d *Dispatcher) Stats() Stats {
	stats := Stats{Invalid: d.invalid.Load(), Panics: d.panics.Load()}
	d.eachRouteStats(func(r RouteStats) {
		stats.Accepted += r.Accepted
		stats.Delivered += r.Delivered
		stats.Failed += r.Failed
		stats.Pending += r.Pending
		stats.Rejected += r.Rejected
		stats.Suppressed += r.Suppressed
		stats.Held += r.Held
		stats.Stored += r.Stored
		stats.Withdrawn += r.Withdrawn
		if r.DeadLetter {
			stats.DeadLetters += r.Delivered
		}
	})
	return stats
}

// RouteStats returns the counts of every route that is or was configured, sorted by event
// type and topic. In each, Accepted = Delivered + Failed + Pending. Their sums are those of Stats.
func (d *Dispatcher) RouteStats() []RouteStats {
	var list []RouteStats
	d.eachRouteStats(func(r RouteStats) { list = append(list, r) })
	slices.SortFunc(list, func(a, b RouteStats) int {
		return cmp.Or(cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Topic, b.Topic))
	})
	return list
}

// eachRouteStats calls f for each route that is or was configured.
func (d *Dispatcher) eachRouteStats(f func(RouteStats)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for e, s := range d.served {
		for _, c := range s.counters {
			f(c.read(e.def.eventType, false))
			if c.deadLetters != nil {
				f(c.deadLetters.read(e.def.eventType, true))
			}
		}
	}
}

// pending returns the number of messages without an outcome.
func (d *Dispatcher) pending() (n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.served {
		for _, c := range s.counters {
			n += c.pending()
			if c.deadLetters != nil {
				n += c.deadLetters.pending()
			}
		}
	}
	return n
}

func (c *counters) pending() int64 {
	completed := c.delivered.Load() + c.failed.Load()
	return max(c.accepted.Load()-completed, 0) // an outcome can be counted before the acceptance
}

// counters count the messages of one route, or of its dead letters. They fill two cache lines,
// so that senders of different routes do not contend.
type counters struct {
	topic       string
	deadLetters *counters // nil without a dead-letter topic

	accepted, delivered, failed, rejected, suppressed atomic.Int64

	held, stored, withdrawn atomic.Int64 // of units and the outbox

	_ [40]byte
}

func (c *counters) read(eventType string, deadLetter bool) RouteStats {
	r := RouteStats{EventType: eventType, Topic: c.topic, DeadLetter: deadLetter}
	r.Delivered = c.delivered.Load()
	r.Failed = c.failed.Load()
	// The outcome of a message can be counted before Publish returns and counts it
	// as accepted.
	r.Accepted = max(c.accepted.Load(), r.Delivered+r.Failed)
	r.Pending = r.Accepted - r.Delivered - r.Failed
	r.Rejected = c.rejected.Load()
	r.Suppressed = c.suppressed.Load()
	r.Held = c.held.Load()
	r.Stored = c.stored.Load()
	r.Withdrawn = c.withdrawn.Load()
	return r
}
