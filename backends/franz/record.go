package franz

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// record is a message in the form of franz-go. It is used again for another message after its
// promise was called, since the client does not use it any more. The headers that the next
// message has in common with the last, nearly all, are kept.
type record struct {
	client         kgo.Record
	promise        func(*kgo.Record, error)
	message        kafkabus.Record
	listed         bool  // in deadlines, whose mutex guards it and the next four
	held           bool  // no client has the record
	number         int64 // in the order in which records were accepted
	previous, next *record

	before int64 // the number of produce requests when the message was accepted

	bytes   []byte // of key and value
	common  kafkabus.Common
	headers [10]kgo.RecordHeader
	id      [36]byte // of the header for the ID
	time    [48]byte // of the header for the time
}

// newRecord returns a record whose promise calls complete.
func newRecord(complete func(*record, error)) *record {
	r := new(record)
	r.promise = func(_ *kgo.Record, err error) { complete(r, err) }
	return r
}

// set fills the record for another message.
func (r *record) set(m kafkabus.Record, attributes *[10]kafkabus.Attribute) {
	e := m.Message.Event
	if !r.common.Equal(e) {
		r.setHeaders(e, attributes)
	}
	r.headers[kafkabus.IDAttribute].Value = attributes[kafkabus.IDAttribute].Append(r.id[:0], e)
	r.headers[kafkabus.TimeAttribute].Value = attributes[kafkabus.TimeAttribute].Append(r.time[:0], e)

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

// setHeaders sets all headers.
func (r *record) setHeaders(e *signalcast.Envelope, attributes *[10]kafkabus.Attribute) {
	r.common = kafkabus.CommonOf(e)
	text := make([]byte, 0, kafkabus.HeaderBytes(e))
	for i, a := range attributes {
		start := len(text)
		text = a.Append(text, e)
		r.headers[i] = kgo.RecordHeader{Key: a.Header, Value: text[start:len(text):len(text)]}
	}
}

// clear drops the message. It reports whether the record is small enough to be kept for another
// one.
func (r *record) clear() bool {
	const usual = 4096
	r.message = kafkabus.Record{} // set replaces the rest
	return cap(r.bytes) <= usual
}
