// Package redis reads events from Redis streams for package consume. It needs Redis 6.2 or newer.
//
//	source, err := redis.New(redis.Config{
//		Server: redisbus.Config{URL: "redis://localhost:6379"}, // of backends/redis
//		Group:  "catalog",
//		Topics: []string{"prod-enrollments"},
//	})
//	consumer, err := consume.New(registry, source, consume.Config{Keys: producers, TopicPrefix: "prod"})
//	err = consumer.Run(ctx)
//
// # Leases
//
// One member of a group reads a stream at a time. It holds a lease, a key beside the stream. Several readers would handle
// events of one key out of order. Other members stand by, and take over when the lease was released or has
// expired. A member that takes over first handles what the one before did not acknowledge.
//
// A group must not have members without leases, such as consumers of the Open edX event bus in Python.
//
// Without a group, the source reads without a lease and acknowledges nothing.
//
// # Schemas
//
// No schema travels over Redis, so values must have exactly the schema of their signal.
package redis
