package signalcast

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Health is what a dispatcher and its backends know about delivering messages at one moment.
type Health struct {
	// Closed reports whether Close was called.
	Closed bool
	// Pending is the number of messages without an outcome.
	Pending int64
	// Buffer is the use of the backend's buffer. It is zero if the backend does not
	// report it.
	Buffer BufferUsage
	// DeadLetterBuffer is the use of the buffer of WithDeadLetterBackend. It is zero
	// without that option.
	DeadLetterBuffer BufferUsage
	// Troubles are what keeps messages from being delivered, sorted by topic. It is empty if
	// all topics work, or have not been used.
	Troubles []Trouble
	// Switches are the switches in effect.
	Switches []Switch
}

// Trouble is a topic to which a backend cannot deliver messages at present. It retries.
type Trouble struct {
	// Topic is the full name of the destination. Empty means all topics of the backend.
	Topic string
	// Since is when the first of the failed attempts ended.
	Since time.Time
	// Err is the error of the last attempt. It contains no event data.
	Err error
}

// BufferUsage is the use of a bounded buffer.
type BufferUsage struct {
	// Messages is the number of messages in the buffer, and MaxMessages the limit. A
	// limit of 0 means that it is not known, or that the buffer has no limit.
	Messages, MaxMessages int
	// Bytes is the memory that the backend counts for these messages, and MaxBytes the
	// limit.
	Bytes, MaxBytes int64
}

// Health returns the health of the dispatcher. It does not ask a broker and does not block for
// one, so it can serve a probe. It tells what the last attempts of the backends have found.
func (d *Dispatcher) Health() Health {
	h := Health{Closed: d.table.Load().closed, Pending: d.pending(), Switches: d.Switches()}
	for i, b := range d.backends() {
		usage := BufferUsage{}
		if reporter, ok := capability[interface{ Buffered() BufferUsage }](b); ok {
			usage = reporter.Buffered()
		}
		if i == 0 {
			h.Buffer = usage
		} else {
			h.DeadLetterBuffer = usage
		}
		h.Troubles = append(h.Troubles, troubles(b)...)
	}
	slices.SortStableFunc(h.Troubles, func(a, b Trouble) int { return cmp.Compare(a.Topic, b.Topic) })
	return h
}

// capability returns the first backend of a chain of wrappers that has the methods of T.
func capability[T any](b Backend) (found T, ok bool) {
	for b != nil {
		if found, ok = b.(T); ok {
			return found, true
		}
		wrapper, wraps := b.(interface{ Unwrap() Backend })
		if !wraps {
			break
		}
		b = wrapper.Unwrap()
	}
	return found, false
}

// troubles returns the troubles that a backend reports.
func troubles(b Backend) []Trouble {
	if reporter, ok := capability[interface{ Troubles() []Trouble }](b); ok {
		return reporter.Troubles()
	}
	return nil
}

// withLastAttempt returns err with the error of the last attempt to deliver to the route's
// topic, if the backend reports one.
func (r *route) withLastAttempt(err error) error {
	all := troubles(r.backend)
	for _, topic := range []string{r.Topic, ""} {
		for _, t := range all {
			if t.Topic == topic && t.Err != nil && !errors.Is(err, t.Err) {
				return fmt.Errorf("%w; last attempt: %w", err, t.Err)
			}
		}
	}
	return err
}
