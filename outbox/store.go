package outbox

import (
	"context"
	"errors"
	"hash/fnv"
	"time"

	"github.com/signalcast/signalcast"
)

// Lanes is the number of lanes. See [LaneOf].
const Lanes = 256

// LaneOf returns the lane of a message, from 0 to Lanes-1. Messages of one key and topic have the same
// lane, and are stored and published in order. Messages without a key have no
// order, so their lane is that of the event's ID.
func LaneOf(m *signalcast.Message) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(m.Topic))
	_, _ = h.Write([]byte{0})
	if m.Key != nil {
		_, _ = h.Write(m.Key)
	} else {
		_, _ = h.Write(m.Event.ID[:])
	}
	sum := h.Sum32()
	return int((sum ^ sum>>8 ^ sum>>16 ^ sum>>24) % Lanes)
}

// Row is a message in a store.
type Row struct {
	// Sequence identifies the row. Within a lane, it grows in the order of commits, except in a store that lets transactions
	// of a lane overlap, such as postgres.Config.Concurrent.
	Sequence int64
	// Topic and EventType are those of the message.
	Topic, EventType string
	// Lane is the lane of the message.
	Lane int
	// Message is the message. It is nil if Err is not. The row owns it.
	Message *signalcast.Message
	// Err says why the row cannot become a message: its schema is missing, for example.
	Err error
	// StoredAt is when the row was inserted, by the clock of the database.
	StoredAt time.Time
	// Attempts is the number of attempts that were recorded. See [Attempt].
	Attempts int
	// LastError is the text of the last recorded error, or empty.
	LastError string
	// ParkedAt is when the row was parked, or zero.
	ParkedAt time.Time
}

// Attempt records that publishing a row failed.
type Attempt struct {
	// Sequence identifies the row.
	Sequence int64
	// Attempts is the new number of attempts.
	Attempts int
	// Err is the text of the error. It contains no event data.
	Err string
	// Park says that the row is not read again until an operator retries it.
	Park bool
}

// Lease is the right of one relay to publish the rows of a store.
type Lease struct {
	// Holder is the name of the relay that has the lease.
	Holder string
	// Token grows with each change of the holder.
	Token int64
	// Until is when the lease ends, by the clock of the database.
	Until time.Time
}

// ErrLeaseLost means that another relay has the lease.
var ErrLeaseLost = errors.New("another relay has the lease")

// SchemaError reports that the tables of a store are missing or have another version.
type SchemaError struct {
	// Table is the name of the table of rows.
	Table string
	// Found is the version that was found. 0 means that there are no tables.
	Found int
	// Want is the version that the store needs.
	Want int
	// Err is the error of the database, or nil.
	Err error
}

// Status is the state of a store.
type Status struct {
	// Pending is the number of rows that are not parked, and Parked that of the others.
	Pending, Parked int64
	// Oldest is when the oldest pending row was stored. It is zero without one.
	Oldest time.Time
	// Failing is the number of pending rows with a recorded attempt, also if its number is 0, as in an outage.
	Failing int64
	// Lease is the lease of the relay. Its Holder is empty without one.
	Lease Lease
	// Now is the time by the clock of the database.
	Now time.Time
}

// Filter selects rows. The zero Filter selects all parked rows.
type Filter struct {
	// Sequences limits the selection to these rows. Empty means all.
	Sequences []int64
	// Topic and EventType limit the selection. Empty means all.
	Topic, EventType string
	// Pending selects rows that are not parked, instead of parked ones.
	Pending bool
	// Limit bounds the number of rows, the ones with the smallest sequence first. 0 means no bound.
	Limit int
}

// Store keeps messages in a database until a [Relay] has published them. Package outboxtest checks
// each rule below. All methods must be safe for concurrent use.
type Store interface {
	signalcast.Outbox

	// Acquire takes the lease for holder, or renews it, for the time ttl from now. It succeeds if
	// holder has the lease, if it has ended, or if it was released or never taken. Otherwise it returns the lease of the other holder and
	// ErrLeaseLost. Only the clock of the database counts.
	Acquire(ctx context.Context, holder string, ttl time.Duration) (Lease, error)
	// Release ends a lease. It does nothing if the lease is not held any more.
	Release(ctx context.Context, l Lease) error

	// NewReader returns a reader of the rows that are not parked.
	NewReader() Reader

	// Delete deletes rows that were published. Rows that do not exist are no error.
	Delete(ctx context.Context, sequences []int64) error
	// Record records failed attempts. It returns ErrLeaseLost, and changes nothing, if l is not held any more.
	// Rows that do not exist are no error.
	Record(ctx context.Context, l Lease, attempts []Attempt) error

	// Status returns the state of the store.
	Status(ctx context.Context) (Status, error)
	// List returns rows in the order of their sequences.
	List(ctx context.Context, f Filter) ([]Row, error)
	// Retry gives parked rows a new sequence, at the end of their lanes, no attempts, and no
	// error. It returns their number. If f.Pending is true, it returns an error and changes nothing.
	Retry(ctx context.Context, f Filter) (int, error)
	// Drop deletes rows and returns their number.
	Drop(ctx context.Context, f Filter) (int, error)

	// Migrate creates the tables or brings them to the version that the store needs. It is safe to
	// call at any time, by several processes.
	Migrate(ctx context.Context) error
}

// Reader reads the rows of a store for one relay. Its methods are not called concurrently,
// except Close.
type Reader interface {
	// Fetch returns at most limit rows that no earlier Fetch of the reader has returned, in the order of
	// their sequences. Each committed row is returned by some Fetch, however late it was committed. If two rows of
	// one lane are returned, by one Fetch or by two, the one with the smaller sequence is returned first.
	Fetch(ctx context.Context, limit int) ([]Row, error)
	// FetchLane returns at most limit rows of one topic and lane with sequences greater than after, in their
	// order. It does not change what Fetch returns.
	FetchLane(ctx context.Context, topic string, lane int, after int64, limit int) ([]Row, error)
	// Wait blocks until a row may have been committed since the start of the last Fetch, or ctx ends. It may return
	// early. It may also miss a commit by another process, so the relay calls Fetch from time to time.
	Wait(ctx context.Context)
	// Close releases the resources of the reader, and ends Wait.
	Close()
}
