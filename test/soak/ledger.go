package soak

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// slack is the time before a fault in which an event may have been handled that is handled again because of the fault: its
	// acknowledgement may not have reached the broker.
	slack = 10 * time.Second
	// redelivery is the time after a fault in which events are handled again because of it.
	redelivery = 30 * time.Second
	// overdue is the time after which an acknowledged event that is not handled is reported.
	overdue = 5 * time.Minute
	// remembered is the time for which the ledger knows that an event was handled. An event that is handled again later is unaccounted.
	remembered = 4 * time.Minute
)

// Ledger compares what was sent with what was handled, while both happen. A series is the events of one key of one event type on
// one bus; its numbers ascend. All methods are safe for concurrent use.
type Ledger struct {
	mu       sync.Mutex
	series   map[string]*series
	faults   []*fault
	counts   Counts
	newest   map[string]time.Time // when the newest handled event of each group was sent; see HandledSince
	problems []string
}

// Counts are the counts of a Ledger. For events whose outcome is known,
//
//	Sent = Acknowledged + NotWritten + Unknown + Off + Uncertain
type Counts struct {
	// Sent counts the events. Acknowledged, NotWritten and Unknown count their fates. Off counts those sent while their route was off.
	// Uncertain counts those sent while a switch or a reload took effect: they may be published.
	Sent, Acknowledged, NotWritten, Unknown, Off, Uncertain int
	// Handled counts the events that were handled at least once, and Repeated the further times.
	Handled, Repeated int
	// Lost counts the acknowledged events that were never handled. Disordered counts the events that were first handled after a
	// later one of their series. Unaccounted counts everything else that must not occur.
	Lost, Disordered, Unaccounted int
}

type series struct {
	sent    int64               // the largest number that was sent
	handled int64               // the largest number that was handled
	open    map[int64]*entry    // events that have no fate, or were not handled
	recent  map[int64]time.Time // when events were first handled
	queue   []int64             // the keys of recent, oldest first
}

type entry struct {
	sent     time.Time
	fate     string // Acked, NotWritten, Unknown, Off or Uncertain; empty means none yet
	fateAt   time.Time
	handled  bool
	reported bool // as overdue
}

// fault is a fault, with the number of events that were handled again because of it.
type fault struct {
	began, ended time.Time // ended is zero while the fault lasts
	repeats      int
}

// NewLedger returns an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{series: map[string]*series{}, newest: map[string]time.Time{}}
}

// The verbs of a line of the journal, which is "VERB SERIES NUMBER".
const (
	Sent       = "S" // is about to be sent
	Acked      = "A" // was acknowledged, or committed in the outbox
	NotWritten = "N" // failed, and was certainly not written
	Unknown    = "U" // failed, and may have been written
	Off        = "O" // was sent while its route was off
	Uncertain  = "?" // was sent while its route changed
	Handled    = "H" // was handled
)

// Record records a line of the journal.
func (l *Ledger) Record(at time.Time, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fields := strings.Fields(line)
	var n int64
	err := fmt.Errorf("found %d fields; want 3", len(fields))
	if len(fields) == 3 {
		n, err = strconv.ParseInt(fields[2], 10, 64)
	}
	if err != nil {
		l.unaccounted(at, "journal: %q: %v", line, err)
		return
	}
	verb, name := fields[0], fields[1]
	s := l.series[name]
	if s == nil {
		s = &series{open: map[int64]*entry{}, recent: map[int64]time.Time{}}
		l.series[name] = s
	}
	switch verb {
	case Sent:
		if n <= s.sent {
			l.unaccounted(at, "%s %d: sent after %d", name, n, s.sent)
		}
		s.sent = n
		s.open[n] = &entry{sent: at}
		l.counts.Sent++
	case Handled:
		l.handled(at, name, s, n)
	default:
		l.setFate(at, name, s, n, verb)
	}
}

// setFate records the fate of an event.
func (l *Ledger) setFate(at time.Time, name string, s *series, n int64, verb string) {
	e := s.open[n]
	if e == nil || e.fate != "" {
		l.unaccounted(at, "%s %d: found the fate %s for an event that was not sent, or has a fate", name, n, verb)
		return
	}
	count := map[string]*int{
		Acked: &l.counts.Acknowledged, NotWritten: &l.counts.NotWritten, Unknown: &l.counts.Unknown, Off: &l.counts.Off, Uncertain: &l.counts.Uncertain,
	}[verb]
	if count == nil {
		l.unaccounted(at, "journal: found the verb %q", verb)
		return
	}
	*count++
	e.fate, e.fateAt = verb, at
	if e.handled {
		l.checkPublished(at, name, n, e)
		delete(s.open, n)
	}
}

// handled records that an event was handled.
func (l *Ledger) handled(at time.Time, name string, s *series, n int64) {
	e := s.open[n]
	if first, ok := s.recent[n]; ok {
		l.repeated(at, name, n, first)
		return
	}
	if e == nil {
		if n > s.sent {
			l.unaccounted(at, "%s %d: handled, and never sent", name, n)
		} else {
			l.unaccounted(at, "%s %d: handled more than %v after it was sent or handled", name, n, remembered)
		}
		return
	}
	e.handled = true
	l.counts.Handled++
	s.recent[n] = at
	s.queue = append(s.queue, n)
	if n < s.handled {
		l.counts.Disordered++
		l.problem(at, "%s %d: first handled after %d", name, n, s.handled)
	}
	s.handled = max(s.handled, n)
	group := name[:strings.LastIndexByte(name, '/')+1]
	if e.sent.After(l.newest[group]) {
		l.newest[group] = e.sent
	}
	if e.fate != "" {
		l.checkPublished(at, name, n, e)
		delete(s.open, n)
	}
	for len(s.queue) > 0 && at.Sub(s.recent[s.queue[0]]) > remembered {
		delete(s.recent, s.queue[0])
		s.queue = s.queue[1:]
	}
}

// checkPublished reports an event that was handled and should not have been published.
func (l *Ledger) checkPublished(at time.Time, name string, n int64, e *entry) {
	switch e.fate {
	case Off:
		l.unaccounted(at, "%s %d: published while its route was off", name, n)
	case NotWritten:
		l.unaccounted(at, "%s %d: published, and reported as not written", name, n)
	}
}

// repeated records that an event was handled again.
func (l *Ledger) repeated(at time.Time, name string, n int64, first time.Time) {
	l.counts.Repeated++
	for i := len(l.faults) - 1; i >= 0; i-- {
		f := l.faults[i]
		if at.Before(f.began) || first.Before(f.began.Add(-slack)) {
			continue
		}
		if f.ended.IsZero() || at.Before(f.ended.Add(redelivery)) {
			f.repeats++
			return
		}
	}
	l.unaccounted(at, "%s %d: handled again, %v after the first time, and not in flight during a fault", name, n, at.Sub(first).Round(time.Millisecond))
}

// Fault records that a fault began. The caller calls ended once, when new events are handled. repeats returns the number of events
// that were handled again because of the fault so far.
func (l *Ledger) Fault(began time.Time) (ended func(time.Time), repeats func() int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &fault{began: began}
	for len(l.faults) > 0 && !l.faults[0].ended.IsZero() && began.Sub(l.faults[0].ended) > redelivery {
		l.faults = l.faults[1:]
	}
	l.faults = append(l.faults, f)
	return func(at time.Time) {
			l.mu.Lock()
			defer l.mu.Unlock()
			f.ended = at
		}, func() int {
			l.mu.Lock()
			defer l.mu.Unlock()
			return f.repeats
		}
}

// Check reports acknowledged events that are overdue, and returns the number of acknowledged events that are not handled. It forgets old
// events that need not be handled.
func (l *Ledger) Check(at time.Time) (unhandled int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, s := range l.series {
		for n, e := range s.open {
			switch {
			case e.fate == Acked:
				unhandled++
				if !e.reported && at.Sub(e.fateAt) > overdue {
					e.reported = true
					l.problem(at, "%s %d: acknowledged, and not handled for %v", name, n, overdue)
				}
			case at.Sub(e.sent) > remembered && n < s.handled:
				delete(s.open, n) // from now on, it must not be handled
			}
		}
	}
	return unhandled
}

// Close counts the acknowledged events that were not handled as lost.
func (l *Ledger) Close(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, s := range l.series {
		for n, e := range s.open {
			if e.fate == Acked && !e.handled {
				l.counts.Lost++
				l.problem(at, "%s %d: acknowledged, and not handled", name, n)
			}
		}
	}
}

// HandledSince reports whether each group has handled an event that was sent after t. A group has the series that begin with its name,
// such as "redis/direct/".
func (l *Ledger) HandledSince(t time.Time, groups []string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range groups {
		if !l.newest[g].After(t) {
			return false
		}
	}
	return true
}

// Report records something else that must not occur.
func (l *Ledger) Report(at time.Time, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unaccounted(at, "%s", text)
}

// Counts returns the counts.
func (l *Ledger) Counts() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Problems returns the texts of what must not occur, the first 1000.
func (l *Ledger) Problems() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.problems...)
}

func (l *Ledger) unaccounted(at time.Time, format string, args ...any) {
	l.counts.Unaccounted++
	l.problem(at, format, args...)
}

func (l *Ledger) problem(at time.Time, format string, args ...any) {
	if len(l.problems) < 1000 {
		l.problems = append(l.problems, at.UTC().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}
