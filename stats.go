package signalcast

import "sync/atomic"

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
	// Rejected messages were not accepted by the backend: no room, too large, closed.
	Rejected int64
	// Invalid is the number of events, not messages, that could not be encoded.
	Invalid int64
	// DeadLetters are the Delivered messages that are dead letters. See [WithDeadLetter].
	DeadLetters int64
	// Panics is the number of recovered panics of hooks and of the log handler.
	Panics int64
}

// Stats returns the counts. Accepted = Delivered + Failed + Pending holds in every result.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	stats := Stats{Invalid: d.invalid.Load(), Panics: d.panics.Load()}
	for _, s := range d.served {
		stats.add(s.counters)
		if s.deadLetters != nil {
			stats.DeadLetters += stats.add(s.deadLetters)
		}
	}
	return stats
}

// add adds the counts of c and returns how many messages were delivered.
func (s *Stats) add(c *counters) (delivered int64) {
	delivered = c.delivered.Load()
	failed := c.failed.Load()
	// The outcome of a message can be counted before Publish returns and counts it
	// as accepted.
	accepted := max(c.accepted.Load(), delivered+failed)
	s.Accepted += accepted
	s.Delivered += delivered
	s.Failed += failed
	s.Pending += accepted - delivered - failed
	s.Rejected += c.rejected.Load()
	return delivered
}

// counters are those of one signal, or of its dead letters.
type counters struct {
	accepted, delivered, failed, rejected atomic.Int64

	_ [32]byte // fills a cache line, so that senders of different signals do not contend
}
