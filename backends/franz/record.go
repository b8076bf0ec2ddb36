package franz

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// record is a message in the form that franz-go wants. It is used again, for
// another message, once the promise was called: the client has forgotten it by then.
// What the next message has in common with the last, nearly all headers, is kept.
type record struct {
	client  kgo.Record
	promise func(*kgo.Record, error)
	message kafkabus.Record
	taken   int64 // how many produce requests had begun by then

	bytes   []byte // of key and value
	origin  kafkabus.Origin
	headers [10]kgo.RecordHeader
	id      [36]byte // what its header holds
	time    [48]byte // what its header holds, and room
}

// newRecord returns a record whose promise calls settle.
func newRecord(settle func(*record, error)) *record {
	r := new(record)
	r.promise = func(_ *kgo.Record, err error) { settle(r, err) }
	return r
}

// set makes the record that of another message.
func (r *record) set(m kafkabus.Record, attributes *[10]kafkabus.Attribute) {
	e := m.Message.Event
	if !r.origin.Is(e) {
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
		Topic: m.Message.Topic, Timestamp: m.Taken, Headers: r.headers[:],
		Partition: unassigned, // until the topic is known
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
	r.origin = kafkabus.OriginOf(e)
	text := make([]byte, 0, kafkabus.HeaderBytes(e))
	for i, a := range attributes {
		start := len(text)
		text = a.Append(text, e)
		r.headers[i] = kgo.RecordHeader{Key: a.Header, Value: text[start:len(text):len(text)]}
	}
}

// forget drops what belongs to the message. It reports whether the record is
// small enough to be kept for another.
func (r *record) forget() bool {
	const usual = 4096
	r.message = kafkabus.Record{} // set replaces all of the rest, which is the record's own
	return cap(r.bytes) <= usual
}
