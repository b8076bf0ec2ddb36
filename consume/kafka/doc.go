// Package kafka reads events from Kafka topics for package consume. It uses the consumer groups of franz-go.
//
//	source, err := kafka.New(kafka.Config{
//		Config: kafkaconfig.Config{Brokers: []string{"broker:9092"}, SchemaRegistry: "http://registry:8081"},
//		Group:  "catalog",
//		Topics: []string{"prod-enrollments"},
//	})
//	consumer, err := consume.New(registry, source, consume.Config{})
//	err = consumer.Run(ctx)
//
// # Groups
//
// The members of a group share the partitions of its topics. When a partition moves to another member, the
// source begins no further message of it, waits for those that began, commits, and gives the partition away. It
// commits only offsets whose predecessors are all handled.
//
// Without a group, the source reads all partitions and commits nothing.
//
// # Schemas
//
// The schema of the writer of a record comes from the registry, once for each ID. If the registry is unreachable or
// does not know the ID, the partition waits. Without a registry, values must have exactly the schema of their
// signal.
package kafka
