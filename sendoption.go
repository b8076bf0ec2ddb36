package signalcast

import (
	"fmt"
	"time"
)

// SendOption is a setting of one event, applied in the order given.
type SendOption struct {
	time     time.Time
	metadata *Metadata
}

// WithTime sets when the event happened. The default is now. The time is written
// in UTC; it must have an offset and lie in years 1 to 9999.
func WithTime(t time.Time) SendOption { return SendOption{time: t} }

// WithMetadata sends the event with exactly m, for events whose metadata was
// made earlier. Its event type must be the signal's. The event is published,
// unless m came from the bus: the reference's send_event_with_custom_metadata,
// which publishes never, is [FromBus].
func WithMetadata(m Metadata) SendOption {
	return SendOption{metadata: &m}
}

// FromBus marks the event as received from the bus with metadata m: receivers
// get it, and it is never published again.
func FromBus(m Metadata) SendOption {
	m.FromEventBus = true
	return WithMetadata(m)
}

func (o SendOption) apply(m *Metadata) error {
	if o.metadata == nil {
		m.Time = o.time
		return nil
	}
	if o.metadata.EventType != m.EventType {
		return &EncodeError{EventType: m.EventType, Field: "metadata.event_type", Err: fmt.Errorf(
			"is %q; the metadata of an event has the event type of its signal", o.metadata.EventType)}
	}
	*m = *o.metadata
	return nil
}
