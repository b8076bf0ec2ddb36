package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"

	"github.com/segmentio/kafka-go/compress"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// sequence numbers the records that one producer writes to one partition. A broker stores a batch
// once, however often it is sent with the same number.
type sequence struct {
	producer int64
	epoch    int16
	next     int32
}

// advance adds n written records. Brokers count with 31 bits.
func (s *sequence) advance(n int) {
	s.next = int32((int64(s.next) + int64(n)) & math.MaxInt32)
}

// renewed returns the first sequence of the next epoch of the same producer, or nil if there is no
// next epoch. Brokers then reject batches of earlier epochs that they read late (KIP-360).
func (s *sequence) renewed() *sequence {
	if s == nil || s.epoch == math.MaxInt16 {
		return nil
	}
	return &sequence{producer: s.producer, epoch: s.epoch + 1}
}

// The offsets of fields in a batch of records, in version 2 of Kafka's format.
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

// encoder makes batches of records. It is safe for concurrent use.
type encoder struct {
	headers     [10]header
	compression compress.Compression
}

// header is a header of every record.
type header struct {
	name   []byte // with its length, as it is on the wire
	append func(b []byte, e *signalcast.Envelope) []byte
}

// compressions are the codecs of Config.Compression.
var compressions = map[string]compress.Compression{ //nolint:gochecknoglobals // a constant
	"":                            compress.None,
	kafkaconfig.CompressionGzip:   compress.Gzip,
	kafkaconfig.CompressionSnappy: compress.Snappy,
	kafkaconfig.CompressionLZ4:    compress.Lz4,
	kafkaconfig.CompressionZstd:   compress.Zstd,
}

func newEncoder(compression string) (e encoder) {
	e.compression = compressions[compression]
	for i, a := range kafkabus.Attributes() {
		e.headers[i] = header{append(binary.AppendVarint(nil, int64(len(a.Header))), a.Header...), a.Append}
	}
	return e
}

// encode returns the records as a batch with its length in front, as requests need it. It uses the
// memory of space if that is large enough.
func (e *encoder) encode(space []byte, records []kafkabus.Record, s sequence) []byte {
	const prefix = 4
	size := prefix
	for i := range records {
		size += records[i].BatchBytes()
	}
	if cap(space) < size {
		space = make([]byte, size)
	}
	b := space[:prefix+recordsAt]
	clear(b)
	first := records[0].Accepted.UnixMilli()
	last := first
	for i := range records {
		at := records[i].Accepted.UnixMilli()
		last = max(last, at)
		start := len(b)
		b = putLength(e.appendRecord(append(b, 0), &records[i], i, at-first), start)
	}
	count := len(records)
	attributes := compress.None
	if e.compression != compress.None {
		b, attributes = e.compress(b, prefix+recordsAt)
	}
	batch := b[prefix:]
	put16 := func(at int, n int16) { binary.BigEndian.PutUint16(batch[at:], uint16(n)) } //nolint:gosec // two's complement
	put32 := func(at, n int) { binary.BigEndian.PutUint32(batch[at:], uint32(n)) }       //nolint:gosec // two's complement
	put64 := func(at int, n int64) { binary.BigEndian.PutUint64(batch[at:], uint64(n)) } //nolint:gosec // two's complement
	put32(lengthAt, len(batch)-leaderEpochAt)
	put32(leaderEpochAt, -1)
	batch[magicAt] = 2
	put16(attributesAt, int16(attributes))
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

// compress replaces the records, which begin at the given index, by their compressed form, and returns
// its codec. Records that do not become smaller stay as they are.
func (e *encoder) compress(b []byte, from int) ([]byte, compress.Compression) {
	var compressed bytes.Buffer
	w := e.compression.Codec().NewWriter(&compressed)
	_, err := w.Write(b[from:])
	if err = errors.Join(err, w.Close()); err != nil || compressed.Len() >= len(b)-from {
		return b, compress.None
	}
	return append(b[:from], compressed.Bytes()...), e.compression
}

func (e *encoder) appendRecord(b []byte, r *kafkabus.Record, offset int, millis int64) []byte {
	b = append(b, 0) // attributes
	b = binary.AppendVarint(b, millis)
	b = binary.AppendVarint(b, int64(offset))
	if r.HasKey() {
		b = r.AppendKey(binary.AppendVarint(b, int64(r.KeyBytes())))
	} else {
		b = binary.AppendVarint(b, -1)
	}
	b = r.AppendValue(binary.AppendVarint(b, int64(r.ValueBytes())))
	trace := kafkabus.TraceHeaders(r.Message)
	b = binary.AppendVarint(b, int64(len(e.headers)+len(trace)))
	for i := range e.headers {
		b = append(b, e.headers[i].name...)
		at := len(b)
		b = e.headers[i].append(append(b, 0), r.Message.Event)
		b = putLength(b, at)
	}
	for _, h := range trace {
		b = append(binary.AppendVarint(b, int64(len(h.Key))), h.Key...)
		b = append(binary.AppendVarint(b, int64(len(h.Value))), h.Value...)
	}
	return b
}

// putLength writes the length of b[at+1:] as a varint at b[at]. It moves the rest if the varint has
// more than one byte.
func putLength(b []byte, at int) []byte {
	var space [binary.MaxVarintLen64]byte
	length := binary.AppendVarint(space[:0], int64(len(b)-at-1))
	b[at] = length[0]
	return slices.Insert(b, at+1, length[1:]...)
}
