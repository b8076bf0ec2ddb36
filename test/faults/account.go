package faults

import (
	"sync/atomic"

	"github.com/signalcast/signalcast"
)

// Account compares the reported fates of numbered events with the events that a
// server has stored. Event n has the key n % keys. The events of a key are sent
// in ascending order.
//
// Delivered and Failed are safe for concurrent use.
type Account struct {
	keys   int
	events []entry
}

// entry holds what was reported about one event.
type entry struct {
	fate    atomic.Uint32
	reports atomic.Uint32 // the number of fates
}

const (
	noFate = iota
	delivered
	notWritten
	unknown
)

// NewAccount returns an account of the events 0 to events-1.
func NewAccount(events, keys int) *Account {
	return &Account{keys: keys, events: make([]entry, events)}
}

// Shorten reduces the account to the first events. The others must have no fate. Delivered and Failed must not be called any more.
func (a *Account) Shorten(events int) { a.events = a.events[:events] }

// Delivered records that event n was reported as delivered.
func (a *Account) Delivered(n int) { a.record(n, delivered) }

// Failed records that event n was reported as failed or rejected.
func (a *Account) Failed(n int, fate signalcast.Fate) {
	if fate == signalcast.FateNotWritten {
		a.record(n, notWritten)
		return
	}
	a.record(n, unknown)
}

func (a *Account) record(n int, fate uint32) {
	a.events[n].fate.Store(fate)
	a.events[n].reports.Add(1)
}

// Counts is the result of a comparison.
type Counts struct {
	Events int
	// Delivered, NotWritten and Unknown count the reported fates. NoFate counts the
	// events without a fate, and Repeated the events with more than one.
	Delivered, NotWritten, Unknown, NoFate, Repeated int
	// Stored counts the events that are stored at least once. Duplicates counts
	// their further copies, and NotSent the stored events that were never sent.
	Stored, Duplicates, NotSent int
	// Missing counts the events that were reported as delivered and are not stored.
	// Gaps counts the runs of consecutive missing events.
	Missing, Gaps int
	// Untrue counts the events that were reported as not written and are stored.
	Untrue int
	// OutOfOrder counts the events that are first stored after a later event of their key.
	OutOfOrder int
}

// Compare compares the reported fates with stored, the numbers of the stored
// events. The numbers of one key are in the order in which they were written.
// Delivered and Failed must not be called any more.
func (a *Account) Compare(stored []int) Counts {
	c := Counts{Events: len(a.events)}
	times := make([]int, len(a.events))
	last := make([]int, a.keys)
	for i := range last {
		last[i] = -1
	}
	for _, n := range stored {
		if n < 0 || n >= len(a.events) {
			c.NotSent++
			continue
		}
		times[n]++
		if times[n] > 1 {
			c.Duplicates++
			continue
		}
		c.Stored++
		if key := n % a.keys; n < last[key] {
			c.OutOfOrder++
		} else {
			last[key] = n
		}
	}
	gap := false
	for n := range a.events {
		missing := times[n] == 0 && a.events[n].fate.Load() == delivered
		if missing {
			c.Missing++
		}
		if missing && !gap {
			c.Gaps++
		}
		gap = missing
		switch a.events[n].fate.Load() {
		case delivered:
			c.Delivered++
		case notWritten:
			c.NotWritten++
			if times[n] > 0 {
				c.Untrue++
			}
		case unknown:
			c.Unknown++
		default:
			c.NoFate++
		}
		if a.events[n].reports.Load() > 1 {
			c.Repeated++
		}
	}
	return c
}
