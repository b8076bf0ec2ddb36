package kafkabus

import (
	"hash/crc32"
	"math/rand/v2"
)

// Partition returns the partition of a record with the given key, from 0 to count-1. It is the one
// that librdkafka, and so the Python producer, chooses by default: CRC32 of the key. Without a
// key, or with an empty one, the partition is random.
func Partition(key []byte, count int) int {
	if len(key) == 0 {
		return rand.IntN(count) //nolint:gosec // not a secret
	}
	return int(crc32.ChecksumIEEE(key) % uint32(count)) //nolint:gosec // a number of partitions fits
}
