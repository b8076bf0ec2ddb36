// Package consume reads the events of the bus, decodes them, and gives them to the receivers of
// their signals.
//
// A [Source] reads messages from a broker: consume/kafka, consume/redis, or consume/memory for
// tests. A [Consumer] handles what its source reads:
//
//	source, err := kafka.New(kafka.Config{Config: cluster, Group: "catalog", Topics: []string{"prod-enrollments"}})
//	consumer, err := consume.New(registry, source, consume.Config{})
//	err = consumer.Run(ctx)
//
// # Guarantees
//
// Every message is handled at least once. A message is acknowledged after its receivers
// succeeded or its dead letter was acknowledged, and never before. After a crash, messages that were not acknowledged
// are handled again, at most Config.MaxInFlight of each partition or stream and those whose acknowledgement was lost.
// Package inbox makes repeated handling have no effect.
//
// Messages of equal keys of one partition or stream are in one lane. The messages of a lane are
// handled one after the other, in order, retries included. Other lanes go on.
//
// A receiver that returns an error or panics gets the event again after a pause; receivers that succeeded do not.
// After several attempts, the message becomes a dead letter. An attempt counts only if other
// messages of the topic were handled meanwhile, so that a database that is unreachable makes no dead letters.
//
// An event that came from the bus is never published to the bus again.
package consume
