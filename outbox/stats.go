package outbox

import "sync/atomic"

// Stats counts what a [Relay] did since it was made. A message without an outcome when the relay stops or loses its lease
// is in neither Delivered nor Failed.
type Stats struct {
	// Leading reports whether the relay has the lease.
	Leading bool
	// Read is the number of rows read, each time it was read.
	Read int64
	// Delivered is the number of messages that the broker acknowledged. It includes those
	// that are published again, because an earlier row of the lane failed.
	Delivered int64
	// Failed is the number of failed attempts: messages that the backend rejected or did not deliver, and rows that
	// cannot become a message.
	Failed int64
	// Parked is the number of rows that were parked.
	Parked int64
	// Deleted is the number of rows deleted after their delivery.
	Deleted int64
	// InFlight is the number of messages in the backend without an outcome.
	InFlight int64
	// HeldLanes is the number of lanes, of each topic, that wait for a failed row.
	HeldLanes int64
	// DatabaseErrors is the number of failed operations of the store.
	DatabaseErrors int64
}

type counters struct {
	leading                                                                       atomic.Bool
	read, delivered, failed, parked, deleted, inFlight, heldLanes, databaseErrors atomic.Int64
}

// Stats returns the counts.
func (r *Relay) Stats() Stats {
	c := &r.counters
	return Stats{
		Leading: c.leading.Load(), Read: c.read.Load(), Delivered: c.delivered.Load(), Failed: c.failed.Load(),
		Parked: c.parked.Load(), Deleted: c.deleted.Load(), InFlight: c.inFlight.Load(), HeldLanes: c.heldLanes.Load(),
		DatabaseErrors: c.databaseErrors.Load(),
	}
}
