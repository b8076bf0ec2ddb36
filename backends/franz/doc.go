// Package franz publishes messages to Kafka with the client franz-go, in the
// wire format of the Open edX event bus.
//
//	backend, err := franz.New(franz.Config{
//		Brokers:        []string{"localhost:9092"},
//		SchemaRegistry: "http://localhost:8081",
//	})
//
// Messages wait in a buffer that is bounded in messages and bytes. They are
// acknowledged by all in-sync replicas, and written again until they are, or
// until Config.DeliveryTimeout has passed: through brokers that are away, leaders
// that move and topics that do not exist yet. Writing is idempotent, so that what
// is written again after a lost acknowledgement is stored once and in order.
//
// A key and a value with a schema are written in Confluent's framing, with the
// schema registered under the name of the topic and the record. A message without
// schemas, from the JSON codec, is written as it is and needs no registry.
// Messages of equal keys go to the partition that the Python producer chooses.
//
// Package backends/kafka keeps the same promises with another client, and is
// configured alike.
package franz
