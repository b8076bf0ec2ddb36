package kafkabus

import (
	"encoding/binary"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// Record is a message on its way to Kafka. It is small: writers keep it by value
// and make what their client wants of the message, which is read-only and valid
// until the record is settled.
type Record struct {
	Message *signalcast.Message
	// Taken is when the message was taken.
	Taken time.Time

	schemas    schemaIDs
	batchBytes int
	done       func(signalcast.Receipt, error)
	buffer     *backendkit.Buffer
	place      backendkit.Room
}

// Delivered reports that the record was stored, and where.
func (r *Record) Delivered(partition int32, offset int64) {
	r.settle(signalcast.Receipt{Partition: partition, Offset: offset, HasOffset: true}, nil)
}

// Settled reports whether r is the zero Record, which stands for one whose
// outcome is reported.
func (r *Record) Settled() bool { return r.Message == nil }

// Delivered reports that the records were stored, one behind the other, except
// those settled. The first one's offset is negative if it is not known.
func Delivered(records []Record, partition int32, offset int64) {
	receipt := signalcast.Receipt{}
	if offset >= 0 {
		receipt = signalcast.Receipt{Partition: partition, Offset: offset, HasOffset: true}
	}
	var b *backendkit.Buffer
	for i := range records {
		if r := &records[i]; !r.Settled() {
			r.done(receipt, nil)
			b = r.buffer
		}
		if offset >= 0 {
			receipt.Offset++
		}
	}
	if b == nil {
		return
	}
	b.ReleaseAll(func(yield func(backendkit.Room) bool) {
		for i := range records {
			if r := &records[i]; !r.Settled() && !yield(r.place) {
				return
			}
		}
	})
}

// Failed reports that the record was given up.
func (r *Record) Failed(fate signalcast.Fate, err error) {
	r.settle(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: fate, Err: err})
}

func (r *Record) settle(receipt signalcast.Receipt, err error) {
	r.done(receipt, err)
	r.buffer.Release(r.place)
}

// HasKey reports whether the record has a key.
func (r *Record) HasKey() bool { return r.Message.Key != nil }

// KeyBytes returns how long the key is.
func (r *Record) KeyBytes() int { return framedBytes(r.schemas.key, r.Message.Key) }

// AppendKey appends the key, or nothing if there is none.
func (r *Record) AppendKey(b []byte) []byte {
	if !r.HasKey() {
		return b
	}
	return appendFramed(b, r.schemas.key, r.Message.Key)
}

// ValueBytes returns how long the value is.
func (r *Record) ValueBytes() int { return framedBytes(r.schemas.value, r.Message.Event.Value) }

// AppendValue appends the value.
func (r *Record) AppendValue(b []byte) []byte {
	return appendFramed(b, r.schemas.value, r.Message.Event.Value)
}

// frameBytes is how long the frame of a schema registry is: a zero byte and the
// ID of the schema.
const frameBytes = 5

// Framed returns data as it is on the wire with the schema of that ID.
func Framed(id uint32, data []byte) []byte {
	return appendFramed(make([]byte, 0, framedBytes(id, data)), id, data)
}

func framedBytes(id uint32, data []byte) int {
	if id == noSchema {
		return len(data)
	}
	return frameBytes + len(data)
}

func appendFramed(b []byte, id uint32, data []byte) []byte {
	if id != noSchema {
		b = binary.BigEndian.AppendUint32(append(b, 0), id)
	}
	return append(b, data...)
}

// BatchBytes returns how large a batch of r alone may get, framing and all. It is
// never less, and somewhat more.
func (r *Record) BatchBytes() int { return r.batchBytes }

// batchBytes is BatchBytes of a record of m, where the names of the headers have
// that many bytes.
func batchBytes(m *signalcast.Message, names int) int {
	const batch, varints, headers, headerVarints = 61, 32, 10, 6
	return batch + varints + headers*headerVarints + names + HeaderBytes(m.Event) + 2*frameBytes + len(m.Key) + len(m.Event.Value)
}
