package franz

import (
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// record is a message in the form that franz-go wants. It is used again, for
// another message, once the promise was called: the client has forgotten it by then.
type record struct {
	client  kgo.Record
	headers [10]kgo.RecordHeader
	bytes   []byte // of key, value and headers
	promise func(*kgo.Record, error)

	message kafkabus.Record
	taken   kafkabus.Moment
}

// set makes the record that of another message.
func (r *record) set(m kafkabus.Record, attributes *[10]kafkabus.Attribute) {
	r.message = m
	e := m.Message.Event
	b := r.bytes[:0]
	if size := m.KeyBytes() + m.ValueBytes() + kafkabus.HeaderBytes(e); cap(b) < size {
		b = make([]byte, 0, size)
	}
	part := func(start int) []byte { return b[start:len(b):len(b)] }

	r.client = kgo.Record{
		Topic: m.Message.Topic, Timestamp: m.Taken, Headers: r.headers[:],
		Partition: unassigned, // until the topic is known
	}
	if m.HasKey() {
		b = m.AppendKey(b)
		r.client.Key = part(0)
	}
	start := len(b)
	b = m.AppendValue(b)
	r.client.Value = part(start)
	for i := range attributes {
		start = len(b)
		b = attributes[i].Append(b, e)
		r.headers[i] = kgo.RecordHeader{Key: attributes[i].Header, Value: part(start)}
	}
	r.bytes = b
}

// forget drops what belongs to the message, and memory that few messages need.
func (r *record) forget() {
	const usual = 4096
	if cap(r.bytes) > usual {
		r.bytes = nil
		clear(r.headers[:])
	}
	r.message, r.client = kafkabus.Record{}, kgo.Record{}
}
