package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/signalcast/signalcast"
)

// laneKey names a lane of a topic. Messages of one key are in one lane, so a lane is what is kept
// in order.
type laneKey struct {
	topic  string
	number int
}

// lane is what a term knows of the rows of a lane of a topic.
//
// Usually a lane gets its rows from the reads of all lanes. If a row fails, or the topic has no
// room, the lane is behind: its rows are not kept in memory, but read again by reads of the
// lane, from the row after the last one that it published. When such a read finds no more rows, the
// lane is no longer behind. The reads of all lanes may return the same rows later; ahead says which.
//
// A store whose transactions commit at the same time, such as postgres.Config.Concurrent, may return a row after one
// with a larger sequence. So a lane never assumes that it has all rows up to a sequence.
type lane struct {
	topic  *topic
	number int
	epoch  int // changes when queued rows and reads in progress become invalid
	queued int // rows in the queue that are valid

	flights []*flight // published and not deleted, in order
	stopped bool      // a flight has failed, so the lane waits for the others

	behind bool
	asked  bool  // a read of the lane is in progress
	after  int64 // the sequence after which the next read of the lane starts

	discarded int64   // the smallest sequence of the rows that were discarded since the lane was set aside, or 0
	fetched   int64   // the largest sequence that a read of all lanes returned
	ahead     []int64 // larger sequences that reads of the lane returned, in order

	held     bool      // a row failed, and none was delivered since
	failures int       // in a row
	failed   int64     // the sequence of the last failed row
	attempts int       // of that row
	next     time.Time // of the next attempt, or of a read after one that failed

	deliveredBefore int // messages of the topic, at the end of the last attempt
	unread          int // reads of the lane that failed in a row
}

// flight is a row that was given to the backend.
type flight struct {
	row             *Row
	lane            *lane
	deliveredBefore int // messages of the topic
	done            bool
	receipt         signalcast.Receipt
	err             error
}

func (l *lane) key() laneKey { return laneKey{l.topic.name, l.number} }

// due reports whether the lane is to be read.
func (l *lane) due(now time.Time, limit int) bool {
	return l.behind && !l.asked && l.queued == 0 && len(l.flights) == 0 && !now.Before(l.next) && l.topic.inFlight < limit
}

// setAside makes the lane read its rows again, from those after the given sequence on, or from an earlier one that
// was discarded.
func (t *term) setAside(l *lane, after int64) {
	t.invalidate(l)
	if l.discarded > 0 {
		after = min(after, l.discarded-1)
	}
	l.behind, l.after, l.discarded = true, after, 0
	n, _ := slices.BinarySearch(l.ahead, after+1)
	l.ahead = l.ahead[:n]
	t.lagging[l] = struct{}{}
}

// stop discards queued rows of the lane, since a row before them has failed.
func (t *term) stop(l *lane) {
	l.stopped = true
	t.invalidate(l)
}

// invalidate discards the queued rows of the lane, and the result of a read in progress.
func (t *term) invalidate(l *lane) {
	if l.queued > 0 {
		for _, q := range t.queue {
			if q.lane == l && q.epoch == l.epoch {
				l.discard(q.row.Sequence)
			}
		}
	}
	l.epoch++
	l.queued = 0
}

// discard notes that a row is to be read again.
func (l *lane) discard(sequence int64) {
	if l.discarded == 0 || sequence < l.discarded {
		l.discarded = sequence
	}
}

// fetch notes that a read of all lanes returned a row. It reports whether the row is to be queued.
func (l *lane) fetch(sequence int64) bool {
	l.fetched = max(l.fetched, sequence)
	n, known := slices.BinarySearch(l.ahead, sequence)
	l.ahead = l.ahead[n:]
	switch {
	case known, l.behind && sequence > l.after: // a read of the lane returned it, or will
		return false
	case l.stopped:
		l.discard(sequence)
		return false
	}
	return true
}

// advance notes that a read of the lane returned a row.
func (l *lane) advance(sequence int64) {
	l.after = sequence
	if sequence > l.fetched {
		l.ahead = append(l.ahead, sequence)
	}
}

// delivered removes the rows from the front of the flights that were delivered.
func (l *lane) delivered() (list []*flight) {
	n := 0
	for n < len(l.flights) && l.flights[n].done && l.flights[n].err == nil {
		n++
	}
	list, l.flights = l.flights[:n:n], l.flights[n:]
	return list
}

// failure returns the first failed row when all rows of the lane have an outcome. Later rows that were
// delivered are published again behind it, so that the last one of a key is the latest.
func (l *lane) failure() *flight {
	if !l.stopped {
		return nil
	}
	for _, f := range l.flights {
		if !f.done {
			return nil
		}
	}
	first := l.flights[0]
	for _, f := range l.flights[1:] {
		l.discard(f.row.Sequence)
	}
	l.stopped, l.flights = false, nil
	return first
}

// hold makes the lane wait for the next attempt of a failed row, or parks the row.
func (t *term) hold(l *lane, f *flight) {
	row := f.row
	attempts, deliveredBefore := row.Attempts, f.deliveredBefore
	if l.failed == row.Sequence {
		attempts, deliveredBefore = max(attempts, l.attempts), l.deliveredBefore
	} else {
		l.failures = 0
	}
	never := row.Err != nil || errors.Is(f.err, signalcast.ErrTooLarge)
	if l.topic.delivered > deliveredBefore || never {
		attempts++
	}
	l.failed, l.attempts, l.deliveredBefore = row.Sequence, attempts, l.topic.delivered
	l.failures++
	park := never || attempts >= t.config.Attempts
	t.writes.record(Attempt{Sequence: row.Sequence, Attempts: attempts, Err: f.err.Error(), Park: park})
	if park {
		t.setAside(l, row.Sequence)
		l.next = time.Time{}
		t.counters.parked.Add(1)
		t.log.LogAttrs(context.Background(), slog.LevelError, "row parked", slog.Int64("sequence", row.Sequence), slog.String("topic", row.Topic),
			slog.String("event_type", row.EventType), slog.Int("attempts", attempts), slog.Any("error", f.err))
		t.call("Parked", func() {
			if hook := t.config.Hooks.Parked; hook != nil {
				hook(*row, f.err)
			}
		})
		t.free(l)
		return
	}
	t.setAside(l, row.Sequence-1)
	l.next = time.Now().Add(t.backoff(l.failures))
	if !l.held {
		l.held = true
		l.topic.held++
		t.counters.heldLanes.Add(1)
		if l.topic.held == 1 {
			t.log.LogAttrs(context.Background(), slog.LevelWarn, "relay holds rows of a topic, retrying",
				slog.String("topic", row.Topic), slog.Any("error", f.err))
		}
	}
}

// free notes that a lane has gone on after a failed row.
func (t *term) free(l *lane) {
	l.failures = 0
	if !l.held {
		return
	}
	l.held = false
	l.topic.held--
	t.counters.heldLanes.Add(-1)
	if l.topic.held == 0 {
		t.log.LogAttrs(context.Background(), slog.LevelInfo, "relay holds no rows of the topic any more", slog.String("topic", l.topic.name))
	}
}
