// Package redis publishes messages to Redis streams: one topic is one stream,
// one message is one XADD with exactly the fields of the Open edX event bus,
// so that its Python consumers read them.
//
//	backend, err := redis.New(redis.Config{URL: "redis://localhost:6379/0"})
//
// Messages wait in a buffer that is bounded in messages and bytes. What waits
// for a stream is written in batches, in the order in which it was published;
// several streams are written at the same time. A batch is a transaction, so
// that a server that rejects one message in the middle of it takes none of those
// behind it; and a transaction is only prepared while the one before it is
// carried out, and committed when that is acknowledged. So the order of a stream
// holds whatever fails. A message that was not acknowledged is written again until it is, or
// until Config.DeliveryTimeout has passed since it was published.
//
// A connection that breaks before the answer has come leaves it open whether
// the batch was written. It is then written again: nothing is lost, and
// entries may be there twice, with the same id field. Backend.PossibleDuplicates
// counts them. Servers from Redis 8.6 on can tell a repeated XADD from a new one;
// the backend asks each server and uses it where it is there.
//
// The event key is not written, as in the reference; the order of a stream
// holds for all its keys. Streams are trimmed to about Config.MaxLen entries,
// read or not: see Config.OnTrim.
package redis
