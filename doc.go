// Package signalcast sends a service's events to an event bus, as configuration
// decides.
//
// A service declares its event types as typed signals. Operators say by
// configuration which of them leave the process, to which topics, and which
// field of the data is the key:
//
//	event type → topic → { event_key_field, enabled }
//
// One generic handler does the rest: it looks the routes of an event up, encodes
// the data once, resolves the key, adds the topic prefix and publishes to a
// backend. Package signalcast is the producing side only. It writes what the
// Open edX event bus writes, byte for byte, so services in Python read it.
//
// # Signals
//
// A [Signal] is a package variable that names an event type and the Go type of
// its data:
//
//	type CoursePublished struct {
//		CourseKey string    `avro:"course_key"`
//		At        time.Time `avro:"at"`
//	}
//
//	var Published = signalcast.NewSignal[CoursePublished]("org.example.course.published.v1")
//
// A [Registry] holds the signals that a program knows. It is an explicit value,
// so that two tests never share one. [Signal.Connect] adds in-process receivers.
//
// # Configuration
//
// A [ProducerConfig] comes from [ParseProducerConfig], from [DecodeProducerConfig]
// or from code, and from several sources by [MergeProducerConfigs], or by
// [MergeLayers] where it matters which source decided. [ProducerConfig.Validate]
// checks it against a registry and reports every problem at once.
//
// # Dispatcher and backend
//
// [NewDispatcher] binds a registry, a configuration and a [Backend] together.
// From then on [Signal.Send] publishes and waits for the acknowledgements;
// [Signal.SendAsync] hands over and returns a [Delivery] to wait on.
// [Dispatcher.Reload] swaps the configuration while the service runs.
//
// Backends are packages of their own: backends/memory for tests, backends/redis
// for Redis streams, backends/franz and backends/kafka for Kafka.
//
// # Event data
//
// The data of an event is a struct whose fields are the event's named
// arguments. One wire name for each field serves Avro, JSON and key paths: its
// avro tag, else its json tag; a field without one is an error at
// [Registry.Register], and a field tagged "-" is not on the wire. What follows a
// comma in a tag has no effect: every field is always on the wire.
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
// A type has a text form when it has a MarshalText or AppendText method of its
// own. A record is named like its Go type, or as the tag of a field
//
//	_ struct{} `avro:"LtiProviderLaunchData"`
//
// says. Embedded structs are flattened in place. Nil slices and maps are empty.
// Times keep their offset and lose what is finer than microseconds; [Naive] is
// the location of a time without offset. Types that the bus cannot carry are
// rejected at registration, all of them at once: interfaces, unsigned 64-bit
// integers, arrays, recursive types, time.Duration, generic records.
//
// While an event is encoded, every string must be valid UTF-8 and every leaf
// value whose type has a method Validate() error must be valid.
//
// # What happens to an event
//
// Nothing is lost silently. For every message that a backend has taken, exactly
// one fate is reported: delivered, or a [*DeliveryError] whose [Fate] says
// whether it may have been written. [Dispatcher.Stats] keeps the ledger and
// [Hooks] are told each outcome; [WithDeadLetter] publishes what failed once
// more, elsewhere. An event that came from the bus, sent with
// [FromBus], is given to receivers and never published again.
package signalcast
