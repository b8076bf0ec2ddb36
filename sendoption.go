package signalcast

import "time"

// SendOption configures one event. Options are applied in the order given.
type SendOption struct {
	kind     sendOptionKind
	time     time.Time
	metadata *Metadata
}

type sendOptionKind uint8

const (
	optionNone sendOptionKind = iota // the zero SendOption has no effect
	optionTime
	optionMetadata
)

// WithTime sets the time at which the event happened. The default is now. The time is
// written in UTC. It must have an offset and be in the years 1 to 9999.
func WithTime(t time.Time) SendOption { return SendOption{kind: optionTime, time: t} }

// WithMetadata sends the event with exactly the metadata m, for events whose metadata
// already exists. m.EventType must be that of the signal. The event is published
// unless m.FromEventBus is true.
//
// The Open edX function send_event_with_custom_metadata never publishes. Its
// counterpart is [FromBus].
func WithMetadata(m Metadata) SendOption { return SendOption{kind: optionMetadata, metadata: &m} }

// FromBus marks the event as received from the bus with metadata m. Receivers
// get it, and it is never published again.
func FromBus(m Metadata) SendOption {
	m.FromEventBus = true
	return WithMetadata(m)
}

func (o SendOption) apply(m *Metadata) error {
	switch o.kind {
	case optionTime:
		m.Time = o.time
	case optionMetadata:
		if o.metadata.EventType != m.EventType {
			return invalidMetadata(m.EventType, "event_type", "found "+display(o.metadata.EventType), display(m.EventType)+", the event type of the signal")
		}
		*m = *o.metadata
	case optionNone:
	}
	return nil
}
