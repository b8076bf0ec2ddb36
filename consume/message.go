package consume

import (
	"context"
	"strconv"
	"time"

	"github.com/signalcast/signalcast"
)

// Message is a message as a [Source] read it. The source must not change what it points to.
type Message struct {
	// Topic is the full name of the topic or stream.
	Topic string
	// Partition and Offset are the place in a Kafka topic. They are valid only if ID is empty.
	Partition int32
	Offset    int64
	// ID is the ID of a Redis stream entry, or another broker's name for the message. It is empty for Kafka.
	ID string
	// Key is the encoded event key, without framing. It is nil if the bus carries none.
	Key []byte
	// Value is the event data in Avro's binary encoding, without framing. It is nil if the message has no value. The strings of
	// the event share its memory, so it should not be part of a large buffer.
	Value []byte
	// Schema is the schema of the writer of Value, or nil if the bus carries none. See [signalcast.Registry.Decode].
	Schema *signalcast.Schema
	// Attributes are the CloudEvents attributes.
	Attributes Attributes
	// Time is when the broker stored the message, or zero.
	Time time.Time
	// Deliveries is how often the broker has delivered the message, including this time. 0 means that
	// it does not count.
	Deliveries int64
	// Err is the reason why the source cannot read the message, or nil. Such a message becomes a
	// dead letter at once. Err must not contain event data.
	Err error
	// Extra are the headers or fields that are not attributes, such as those of a dead letter. It may be nil.
	Extra []Field
	// Raw is the message as the broker stored it, for [Source.Publish].
	Raw any
}

// Attributes are the CloudEvents attributes of a message, as they are on the wire. A missing one is nil.
type Attributes struct {
	Type, ID, Source, Time, MinorVersion, SourceHost, SourceLib []byte
	// TraceParent and TraceState are the trace of the message. See [signalcast.TraceContext].
	TraceParent, TraceState []byte
}

// Position returns the place of the message: "orders/1692632639151-0" for a stream, "orders/2/4711" for
// partition 2 and offset 4711 of a topic.
func (m *Message) Position() string {
	if m.ID != "" {
		return m.Topic + "/" + m.ID
	}
	return m.Topic + "/" + strconv.Itoa(int(m.Partition)) + "/" + strconv.FormatInt(m.Offset, 10)
}

// MessageFrom returns the message of the event that a receiver handles, if ctx is the receiver's context or
// derived from it. The message is read-only, and valid until the receiver returns.
func MessageFrom(ctx context.Context) (*Message, bool) {
	m, ok := ctx.Value(messageKey{}).(*Message)
	return m, ok
}

type messageKey struct{}

// messageContext is the context of a receiver. It is part of an item, so that it needs no memory of its own.
type messageContext struct {
	context.Context //nolint:containedctx // a context itself

	message *Message
}

func (c *messageContext) Value(key any) any {
	if key == (messageKey{}) {
		return c.message
	}
	return c.Context.Value(key)
}
