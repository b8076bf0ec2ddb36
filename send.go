package signalcast

import (
	"errors"
	"fmt"
	"time"
)

// SendOption is a setting of one event, applied in the order given.
type SendOption struct {
	time     time.Time
	metadata *Metadata
	fromBus  bool
}

// WithTime sets when the event happened. The default is now. The time is written
// in UTC; it must have an offset and lie in years 1 to 9999.
func WithTime(t time.Time) SendOption { return SendOption{time: t} }

// WithMetadata sends the event with exactly m, as the Open edX event bus does
// for events whose metadata was made earlier. Its event type must be the
// signal's. An m that came from the bus is not published again, see [FromBus].
func WithMetadata(m Metadata) SendOption { return SendOption{metadata: &m} }

// FromBus marks the event as received from the bus with metadata m: receivers
// get it, and it is never published again.
func FromBus(m Metadata) SendOption { return SendOption{metadata: &m, fromBus: true} }

func (o SendOption) apply(m *Metadata) error {
	if o.metadata == nil {
		return m.setTime(o.time)
	}
	if o.metadata.EventType != m.EventType {
		return &EncodeError{EventType: m.EventType, Field: "metadata.event_type", Err: fmt.Errorf(
			"is %q; the metadata of an event has the event type of its signal", o.metadata.EventType)}
	}
	*m = *o.metadata
	m.FromEventBus = m.FromEventBus || o.fromBus
	return m.setTime(o.metadata.Time)
}

// setTime keeps the instant and drops what is not written: the offset and nanoseconds.
func (m *Metadata) setTime(t time.Time) error {
	if t.Location() == Naive {
		return &EncodeError{EventType: m.EventType, Field: "metadata.time", Err: errors.New("has no offset; the time of an event is in UTC")}
	}
	m.Time = t.UTC()
	return nil
}
