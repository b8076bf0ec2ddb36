package kafkabus

import (
	"hash/crc32"
	"math/rand/v2"
)

// Partition returns the partition, of count, that a record with this key
// belongs to: the one that librdkafka, and so the Python producer, chooses by
// default. Without a key, or with an empty one, it is any.
func Partition(key []byte, count int) int {
	if len(key) == 0 {
		return rand.IntN(count) //nolint:gosec // spreads load, hides nothing
	}
	return int(crc32.ChecksumIEEE(key) % uint32(count)) //nolint:gosec // a count of partitions fits
}
