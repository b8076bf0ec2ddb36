package faults

import (
	"sync/atomic"

	"github.com/signalcast/signalcast"
)

// Account follows numbered events from sending to storage. Event n has the key
// n % keys, and the events of a key are sent in the order of their numbers.
//
// Delivered and Failed may be called from many goroutines.
type Account struct {
	keys   int
	events []entry
}

// entry is one event.
type entry struct {
	fate  atomic.Uint32
	fates atomic.Uint32 // how often a fate was reported
}

const (
	none = iota
	delivered
	notWritten
	unknown
)

// NewAccount returns an account of events with the numbers 0 to events-1.
func NewAccount(events, keys int) *Account {
	return &Account{keys: keys, events: make([]entry, events)}
}

// Delivered notes that event n was reported as stored.
func (a *Account) Delivered(n int) { a.note(n, delivered) }

// Failed notes that event n was reported as failed.
func (a *Account) Failed(n int, fate signalcast.Fate) {
	if fate == signalcast.FateNotWritten {
		a.note(n, notWritten)
		return
	}
	a.note(n, unknown)
}

func (a *Account) note(n int, fate uint32) {
	a.events[n].fate.Store(fate)
	a.events[n].fates.Add(1)
}

// Counts is what became of the events.
type Counts struct {
	Events int
	// Delivered, NotWritten and Unknown are the fates that were reported,
	// Fateless the events without any and Repeated those with more than one.
	Delivered, NotWritten, Unknown, Fateless, Repeated int
	// Stored events are there at least once; Duplicates are the further times,
	// and Strangers what nobody sent.
	Stored, Duplicates, Strangers int
	// Missing events were reported as delivered and are not there. They make that
	// many Gaps in the order of sending.
	Missing, Gaps int
	// Untrue events were reported as not written and are there.
	Untrue int
	// OutOfOrder events are there for the first time behind a later one of their key.
	OutOfOrder int
}

// Settle compares the fates with what is stored: the numbers of the events, those
// of one key in the order in which they were written. It is called when nothing
// is sent any more.
func (a *Account) Settle(stored []int) Counts {
	c := Counts{Events: len(a.events)}
	times := make([]int, len(a.events))
	last := make([]int, a.keys)
	for i := range last {
		last[i] = -1
	}
	for _, n := range stored {
		if n < 0 || n >= len(a.events) {
			c.Strangers++
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
			c.Fateless++
		}
		if a.events[n].fates.Load() > 1 {
			c.Repeated++
		}
	}
	return c
}
