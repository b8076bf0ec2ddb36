// Package signalcast publishes the events of a service to an event bus, as
// configuration decides.
//
// A service declares its event types as typed signals. Operators decide by
// configuration which events leave the process, to which topics, and which field of
// the data is the key:
//
//	event type → topic → { event_key_field, enabled }
//
// One generic handler publishes them: it looks up the routes of an event, encodes the
// data once, reads the key, adds the topic prefix and publishes to a backend. It writes
// the same bytes as the Open edX event bus, so services in Python read them.
//
// # Signals
//
// A [Signal] is a package variable. It has the name of an event type and the Go type of
// its data:
//
//	type CoursePublished struct {
//		CourseKey string    `avro:"course_key"`
//		At        time.Time `avro:"at"`
//	}
//
//	var Published = signalcast.NewSignal[CoursePublished]("org.example.course.published.v1")
//
// A [Registry] holds the signals that a program knows. It is an explicit value, so that
// tests do not share one. [Signal.Connect] adds receivers: functions in the
// process that get every event.
//
// # Configuration
//
// [ParseProducerConfig] and [DecodeProducerConfig] return a [ProducerConfig]. Code can
// make one too. [MergeProducerConfigs] merges several. [MergeLayers] also returns which
// layer set each value. [ProducerConfig.Validate] checks a configuration against a
// registry and reports every problem at once.
//
// # Dispatcher and backend
//
// [NewDispatcher] connects a registry, a configuration and a [Backend]. From then on,
// [Signal.Send] publishes and waits for the acknowledgements. [Signal.SendAsync]
// returns a [Delivery] to wait on. [Dispatcher.Reload] replaces the configuration while the
// service runs.
//
// Each backend is a package: backends/memory for tests, backends/redis for Redis
// streams, backends/kafka and backends/franz for Kafka.
//
// # Event data
//
// The data of an event is a struct. Its fields are the arguments of the event. The wire name of
// a field is its avro tag or, without one, its json tag. Avro, JSON and key paths use
// the same name. A field without a wire name is an error at [Registry.Register]. A field tagged
// "-" is not on the wire. Text after a comma in a tag has no effect: every field is
// always on the wire.
//
//	bool                                   boolean
//	int, int8 … int64, uint8 … uint32      long
//	float32, float64                       double
//	string, named string types             string
//	[]byte                                 bytes
//	time.Time                              string, as Python's isoformat
//	types with a text form                 string
//	slices, maps with string keys          array, map
//	structs                                record
//	pointers to all these                  the same, or null
//
// A type has a text form if it has a method MarshalText or AppendText. A struct with a text
// form must not embed a type that has one. The name of a record is the name of its Go
// type, or the tag of a field
//
//	_ struct{} `avro:"LtiProviderLaunchData"`
//
// The fields of embedded structs become fields of the outer record. Nil slices and maps are
// empty. Times keep their offset and are cut to microseconds. [Naive] is the location of
// times without an offset. Types that the bus cannot carry are errors at registration, all
// of them at once: interfaces, unsigned 64-bit integers, arrays, recursive types,
// time.Duration, generic and anonymous records, and types such as sql.Null whose null
// has no text.
//
// When an event is encoded, every string must be valid UTF-8, no time.Time may be the zero
// time, and every leaf value whose type has a method Validate() error must be valid.
//
// # What happens to an event
//
// Nothing is lost silently. Every message that a backend accepts gets exactly one
// outcome: delivered, or a [*DeliveryError] whose [Fate] says whether it may have been
// written. [Dispatcher.Stats] counts the outcomes, and [Hooks] get each of them.
// [WithDeadLetter] publishes failed messages to another topic. An event that came from the
// bus, sent with [FromBus], goes to receivers and is never published again.
package signalcast
