package signalcast

import "sync/atomic"

// Stats counts messages since the dispatcher was made. A message is one event
// for one topic, or its dead letter.
type Stats struct {
	// Accepted messages were taken by the backend: Delivered + Failed + Pending.
	Accepted int64
	// Delivered messages were acknowledged by the destination.
	Delivered int64
	// Failed messages were taken and not delivered; for each, the error says
	// whether it may have been written.
	Failed int64
	// Pending messages have no outcome yet. It is 0 after Flush and Close.
	Pending int64
	// Rejected messages were not taken by the backend: no room, too large, closed.
	Rejected int64
	// Invalid counts events, not messages, that could not be encoded.
	Invalid int64
	// DeadLetters are those of the Delivered messages that are dead letters: so
	// many of the Failed ones are kept, see [WithDeadLetter].
	DeadLetters int64
}

// Stats returns the counts. Accepted = Delivered + Failed + Pending holds in every answer.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	stats := Stats{Invalid: d.invalid.Load()}
	for _, s := range d.served {
		stats.add(s.counters)
		if s.deadLetters != nil {
			stats.DeadLetters += stats.add(s.deadLetters)
		}
	}
	stats.Pending = stats.Accepted - stats.Delivered - stats.Failed
	return stats
}

// add adds what was counted, and returns how many messages were delivered.
func (s *Stats) add(c *counters) (delivered int64) {
	// A message is counted as accepted before it is counted as anything else.
	delivered = c.delivered.Load()
	s.Delivered += delivered
	s.Failed += c.failed.Load()
	s.Accepted += c.accepted.Load()
	s.Rejected += c.rejected.Load()
	return delivered
}

// counters are of one signal, or of its dead letters.
type counters struct {
	accepted, delivered, failed, rejected atomic.Int64
	_                                     [32]byte // a cache line, so that senders of different signals do not contend
}
