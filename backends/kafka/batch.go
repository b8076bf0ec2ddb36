package kafka

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// sequence numbers what one producer writes to one partition, so that brokers
// store a batch once however often it is written.
type sequence struct {
	producer int64
	epoch    int16
	next     int32
}

// advance counts n records that were written. Brokers count with 31 bits.
func (s *sequence) advance(n int) {
	s.next = int32((int64(s.next) + int64(n)) & math.MaxInt32)
}

// The places of fields in a batch of records, as in Kafka's format of version 2.
const (
	lengthAt          = 8
	leaderEpochAt     = 12
	magicAt           = 16
	crcAt             = 17
	attributesAt      = 21
	lastOffsetDeltaAt = 23
	firstTimeAt       = 27
	lastTimeAt        = 35
	producerAt        = 43
	epochAt           = 51
	sequenceAt        = 53
	countAt           = 57
	recordsAt         = 61
)

// encode returns the records as a batch, behind its own length as requests want it.
func encode(records []*kafkabus.Record, s sequence) []byte {
	const prefix = 4
	size := prefix
	for _, r := range records {
		size += r.BatchBytes()
	}
	b := make([]byte, prefix+recordsAt, size)
	first := records[0].Taken.UnixMilli()
	last := first
	var scratch []byte
	for i, r := range records {
		at := r.Taken.UnixMilli()
		last = max(last, at)
		scratch = appendRecord(scratch[:0], r, i, at-first)
		b = binary.AppendVarint(b, int64(len(scratch)))
		b = append(b, scratch...)
	}
	count := len(records)
	batch := b[prefix:]
	put16 := func(at int, n int16) { binary.BigEndian.PutUint16(batch[at:], uint16(n)) } //nolint:gosec // two's complement
	put32 := func(at, n int) { binary.BigEndian.PutUint32(batch[at:], uint32(n)) }       //nolint:gosec // two's complement
	put64 := func(at int, n int64) { binary.BigEndian.PutUint64(batch[at:], uint64(n)) } //nolint:gosec // two's complement
	put32(lengthAt, len(batch)-leaderEpochAt)
	put32(leaderEpochAt, -1)
	batch[magicAt] = 2
	put32(lastOffsetDeltaAt, count-1)
	put64(firstTimeAt, first)
	put64(lastTimeAt, last)
	put64(producerAt, s.producer)
	put16(epochAt, s.epoch)
	put32(sequenceAt, int(s.next))
	put32(countAt, count)
	sum := crc32.Checksum(batch[attributesAt:], crc32.MakeTable(crc32.Castagnoli))
	binary.BigEndian.PutUint32(batch[crcAt:], sum)
	binary.BigEndian.PutUint32(b, uint32(len(batch))) //nolint:gosec // limited by Config.MaxMessageBytes
	return b
}

func appendRecord(b []byte, r *kafkabus.Record, offset int, millis int64) []byte {
	b = append(b, 0) // attributes
	b = binary.AppendVarint(b, millis)
	b = binary.AppendVarint(b, int64(offset))
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = binary.AppendVarint(b, int64(len(r.Headers)))
	for _, h := range r.Headers {
		b = binary.AppendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	return b
}

// appendBytes appends the length and the bytes; nil has the length -1.
func appendBytes(b, data []byte) []byte {
	if data == nil {
		return binary.AppendVarint(b, -1)
	}
	b = binary.AppendVarint(b, int64(len(data)))
	return append(b, data...)
}
