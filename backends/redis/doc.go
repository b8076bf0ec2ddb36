// Package redis publishes messages to Redis streams. A topic is a stream. A message is one XADD
// with exactly the fields of the Open edX event bus, so that its Python consumers read it.
//
//	backend, err := redis.New(redis.Config{URL: "redis://localhost:6379/0"})
//
// # Order
//
// Messages wait in a buffer that is bounded in messages and bytes. The messages of a stream
// are written in batches, in the order in which they were published. Several streams are
// written at the same time. A batch is a transaction: if the server rejects one
// message, it does not execute those behind it. The next transaction is prepared while the
// server executes one, and committed when that one is acknowledged. So the order of a
// stream is kept, retries included.
//
// # Retries and duplicates
//
// A message that is not acknowledged is retried until Config.DeliveryTimeout. If a connection
// breaks before the reply, the outcome of the batch is unknown. The batch is written again:
// no message is lost, and a stream may have two entries with the same id field.
// Backend.PossibleDuplicates counts them. Redis 8.6 and newer recognise a repeated XADD; the
// backend asks each server and uses it if it can.
//
// # Keys and trimming
//
// The event key is not written, as in the Open edX event bus. The order of a stream holds for
// all keys. Streams are trimmed to about Config.MaxLen entries, read or not. See Config.OnTrim.
package redis
