package kafkabus

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/buffer"
)

// Record is a message on its way to Kafka.
type Record struct {
	Topic string
	// Key is nil for a record without a key.
	Key     []byte
	Value   []byte
	Headers [10]Header
	// Taken is when the message was taken.
	Taken time.Time

	message    *signalcast.Message
	done       func(signalcast.Receipt, error)
	buffer     *buffer.Buffer
	place      buffer.Place
	size       int64 // in the buffer
	batchBytes int
}

// Header is a record header. It converts to the clients' own types.
type Header struct {
	Key   string
	Value []byte
}

// Delivered reports that the record was stored, and where.
func (r *Record) Delivered(partition int32, offset int64) {
	r.settle(signalcast.Receipt{Partition: partition, Offset: offset}, nil)
}

// Failed reports that the record was given up.
func (r *Record) Failed(fate signalcast.Fate, err error) {
	r.settle(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: fate, Err: err})
}

func (r *Record) settle(receipt signalcast.Receipt, err error) {
	r.done(receipt, err)
	r.buffer.Give(r.place)
}

// frame puts the key and the value into the wire format of the registry that
// gave these IDs: a zero byte, the ID, the bytes. What has no schema is left as it is.
func (r *Record) frame(keyID, valueID uint32) {
	m := r.message
	r.Key, r.Value = m.Key, m.Event.Value
	if m.KeySchema != nil && m.Key != nil {
		r.Key = Framed(keyID, m.Key)
	}
	if m.Event.ValueSchema != nil {
		r.Value = Framed(valueID, m.Event.Value)
	}
}

const frameBytes = 5

// Framed returns data as it is on the wire with the schema of that ID.
func Framed(id uint32, data []byte) []byte {
	b := make([]byte, frameBytes, frameBytes+len(data))
	binary.BigEndian.PutUint32(b[1:], id)
	return append(b, data...)
}

// Headers returns the event's metadata as the event bus writes it.
func Headers(e *signalcast.Envelope) (h [10]Header) {
	const numbers = 128 // an ID, a time, a minor version and the version of a library
	text := make([]byte, 0, len("1.0")+len(e.ContentType)+len(e.EventType)+len(e.Source)+len(e.SourceHost)+numbers)
	start := 0
	part := func() []byte {
		b := text[start:len(text):len(text)]
		start = len(text)
		return b
	}
	text = append(text, "1.0"...)
	h[0] = Header{"ce_specversion", part()}
	text = append(text, e.ContentType...)
	h[1] = Header{"content-type", part()}
	h[2] = Header{"ce_datacontenttype", h[1].Value}
	text = append(text, e.EventType...)
	h[3] = Header{"ce_type", part()}
	text, _ = e.ID.AppendText(text) // never fails
	h[4] = Header{"ce_id", part()}
	text = append(text, e.Source...)
	h[5] = Header{"ce_source", part()}
	text = e.AppendTime(text)
	h[6] = Header{"ce_time", part()}
	text = strconv.AppendInt(text, e.MinorVersion, 10)
	h[7] = Header{"ce_minorversion", part()}
	text = append(text, e.SourceHost...)
	h[8] = Header{"sourcehost", part()}
	text = append(text, e.SourceLib.String()...)
	h[9] = Header{"sourcelib", part()}
	return h
}

// BatchBytes returns how large a batch of r alone may get, framing and all. It is
// never less, and somewhat more.
func (r *Record) BatchBytes() int { return r.batchBytes }

func batchBytes(m *signalcast.Message, headers *[10]Header) int {
	const batch, varints, headerVarints = 61, 32, 6
	n := batch + varints + 2*frameBytes + len(m.Key) + len(m.Event.Value)
	for i := range headers {
		n += len(headers[i].Key) + len(headers[i].Value) + headerVarints
	}
	return n
}
