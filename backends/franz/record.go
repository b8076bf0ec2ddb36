package franz

import (
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// record is a message in the form of franz-go. It is used again for another message after its
// promise was called, since the client does not use it any more. The headers that the next
// message has in common with the last, nearly all, are kept.
type record struct {
	client  kgo.Record
	promise func(*kgo.Record, error)
	message kafkabus.Record

	number  int64        // in the order in which records were accepted
	pending atomic.Int64 // the number, or 0 if the message has an outcome
	held    atomic.Bool  // no client has the record
	before  int64        // the number of produce requests when the message was accepted

	common  *common // of the headers
	headers [10]kgo.RecordHeader
	bytes   []byte   // of key and value
	id      [36]byte // of the header for the ID
	time    [48]byte // of the header for the time
}

// common holds the headers that the events of one type have in common. Those for ID and time are empty.
// Records share it, so that it stays in the caches of the processor.
type common struct {
	attributes kafkabus.Common
	headers    [10]kgo.RecordHeader
}

func newCommon(e *signalcast.Envelope) *common {
	c := &common{attributes: kafkabus.CommonOf(e)}
	text := make([]byte, 0, kafkabus.HeaderBytes(e))
	for i, a := range kafkabus.Attributes() {
		start := len(text)
		if i != kafkabus.IDAttribute && i != kafkabus.TimeAttribute {
			text = a.Append(text, e)
		}
		c.headers[i] = kgo.RecordHeader{Key: a.Header, Value: text[start:len(text):len(text)]}
	}
	return c
}

// newRecord returns a record whose promise calls complete.
func newRecord(complete func(*record, error)) *record {
	r := new(record)
	r.promise = func(_ *kgo.Record, err error) { complete(r, err) }
	return r
}

// set fills the record for another message.
func (r *record) set(m kafkabus.Record, c *common) {
	e := m.Message.Event
	if r.common != c {
		r.common, r.headers = c, c.headers
	}
	r.headers[kafkabus.IDAttribute].Value = kafkabus.AppendID(r.id[:0], e)
	r.headers[kafkabus.TimeAttribute].Value = e.AppendTime(r.time[:0])

	b := r.bytes[:0]
	if size := m.KeyBytes() + m.ValueBytes(); cap(b) < size {
		b = make([]byte, 0, size)
	}
	r.message = m
	r.client = kgo.Record{
		Topic: m.Message.Topic, Timestamp: m.Accepted, Headers: r.headers[:],
		Partition: unassigned, // until the client knows the partitions
	}
	for _, h := range kafkabus.TraceHeaders(m.Message) {
		r.client.Headers = append(r.client.Headers, kgo.RecordHeader(h)) // moves the headers
	}
	if m.HasKey() {
		b = m.AppendKey(b)
		r.client.Key = b[:len(b):len(b)]
	}
	key := len(b)
	b = m.AppendValue(b)
	r.client.Value = b[key:len(b):len(b)]
	r.bytes = b
}

// clear drops the message. It reports whether the record is small enough to be kept for another
// one.
func (r *record) clear() bool {
	const usual = 4096
	r.message = kafkabus.Record{} // set replaces the rest
	return cap(r.bytes) <= usual
}
