package signalcast

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Failure is a group of messages that were rejected or failed delivery in the same way.
type Failure struct {
	// Topic is the full name of the destination.
	Topic string
	// Fate says whether the messages were written.
	Fate Fate
	// Err is the text of the last error. Errors whose texts differ only in numbers are in
	// one group.
	Err string
	// Count is the number of messages.
	Count int64
	// First and Last are when the first and the last message failed.
	First, Last time.Time
	// LastEventID is the ID of the event of the last message.
	LastEventID UUID
}

// Failures returns the groups of failed and rejected messages since the dispatcher was made,
// the latest first. It keeps at most 64 groups, and forgets the one that
// is longest ago. It contains no event data.
func (d *Dispatcher) Failures() []Failure { return d.failures.list() }

const (
	maxFailureGroups = 64
	maxFailureText   = 500 // bytes
)

// failureLog groups failures.
type failureLog struct {
	mu     sync.Mutex
	groups []failureGroup
}

type failureGroup struct {
	Failure

	kind string // the error without numbers
}

func (l *failureLog) add(failure *DeliveryError) {
	text := "the backend gave no cause"
	if failure.Err != nil {
		text = failure.Err.Error()
	}
	if len(text) > maxFailureText {
		text = strings.ToValidUTF8(text[:maxFailureText], "") + "…"
	}
	kind, now := withoutNumbers(text), time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.groups, func(g failureGroup) bool {
		return g.kind == kind && g.Topic == failure.Topic && g.Fate == failure.Fate
	})
	g := failureGroup{Failure{Topic: failure.Topic, Fate: failure.Fate, First: now}, kind}
	switch {
	case i >= 0:
		g = l.groups[i]
		l.groups = slices.Delete(l.groups, i, i+1)
	case len(l.groups) == maxFailureGroups:
		l.groups = slices.Delete(l.groups, 0, 1)
	}
	g.Count++
	g.Err, g.Last, g.LastEventID = text, now, failure.Message.Event.ID
	l.groups = append(l.groups, g) // the latest last
}

func (l *failureLog) list() []Failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Failure, 0, len(l.groups))
	for _, g := range slices.Backward(l.groups) {
		list = append(list, g.Failure)
	}
	return list
}

// withoutNumbers removes digits, such as those of a port, which differ from one connection to
// the next.
func withoutNumbers(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsDigit(c) {
			return -1
		}
		return c
	}, text)
}
