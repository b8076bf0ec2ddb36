// Package franz publishes messages to Kafka with the client franz-go, in the wire format of the
// Open edX event bus.
//
//	backend, err := franz.New(franz.Config{
//		Brokers:        []string{"localhost:9092"},
//		SchemaRegistry: "http://localhost:8081",
//	})
//
// # Delivery
//
// Messages wait in a buffer that is bounded in messages and bytes. A message is delivered when
// all in-sync replicas have stored it. Until then, it is retried, at most for
// Config.DeliveryTimeout: while brokers are unreachable, leaders move, or the topic does
// not exist yet. The producer is idempotent, so a retry after a lost acknowledgement is stored
// once and in order.
//
// # Wire format
//
// A key or value with a schema has Confluent's framing. Its schema is registered under the name
// of the topic and the record. A message without schemas, from the JSON codec, has no framing and
// needs no registry. Messages with equal keys go to the partition that the Python producer
// chooses.
//
// Package backends/kafka gives the same guarantees with another client and the same Config.
package franz
