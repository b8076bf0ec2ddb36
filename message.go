package signalcast

// Message is one event for one topic. A [Backend] publishes messages.
//
// A Message and everything reachable from it is read-only. It is valid until the
// done function given with it has returned. A backend that needs the bytes longer
// copies them.
type Message struct {
	// Topic is the full name of the destination, prefix included.
	Topic string
	// Key is the encoded event key, without framing. It is nil if and only if the
	// topic is configured as keyless.
	Key []byte
	// KeySchema describes Key. It is nil if Key is nil or the codec has no
	// schemas. The messages of one route have the same pointer within one Dispatcher.
	KeySchema *Schema
	// Event is the event itself. Messages for other topics share it.
	Event *Envelope
	// Trace is the trace that the message belongs to, or nil. See [WithTraceContext].
	Trace *TraceContext
}

// Envelope is one event, encoded once and shared by all its messages.
//
// Only the [Dispatcher] that made an Envelope changes it. Its JSON form is that of
// its Metadata.
type Envelope struct {
	Metadata

	// Value is the encoded event data, without framing.
	Value []byte
	// ValueSchema describes Value. It is nil if the codec has no schemas. The
	// events of one type have the same pointer within one Dispatcher.
	ValueSchema *Schema
	// ContentType is the media type of Value and of the Key of each Message. It is
	// set by the [Codec].
	ContentType string
}

// Schema is the text that describes encoded bytes, as a schema registry stores it.
// A Schema is immutable. Backends may use its pointer as a cache key.
type Schema struct {
	// Name is the full name of a record ("org.example.user.created.v1.CloudEvent")
	// or the name of a primitive type ("string").
	Name string
	// Text is the canonical text. Registries compare it character by character.
	Text string
}

// Receipt says where a broker stored a message. Fields that the backend does not
// know are zero.
type Receipt struct {
	// ID is the broker's name for the message, such as the ID of a Redis stream
	// entry. It is empty if the broker gives no name.
	ID string
	// Offset and Partition are the place in a Kafka topic. They are valid only if
	// HasOffset is true.
	Offset    int64
	Partition int32
	// HasOffset reports whether Partition and Offset are known.
	HasOffset bool
}
