// Package kafka publishes messages to Kafka with the client kafka-go, in the
// wire format of the Open edX event bus.
//
//	backend, err := kafka.New(kafka.Config{
//		Brokers:        []string{"localhost:9092"},
//		SchemaRegistry: "http://localhost:8081",
//	})
//
// Messages wait in a buffer that is bounded in messages and bytes. Writing is
// idempotent and acknowledged by all in-sync replicas: a batch whose
// acknowledgement was lost is written again and stored once, in order. A
// message that is not acknowledged is tried until Config.DeliveryTimeout has
// passed.
//
// A key and a value with a schema are written in Confluent's framing, with the
// schema registered under topic and record name; a message without schemas,
// from the JSON codec, is written as it is and needs no registry. Messages of
// equal keys go to the partition that the Python producer chooses.
//
// Package backends/franz does the same with another client; they are
// configured alike.
package kafka
