package kafkabus

import (
	"encoding/binary"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// Record is an accepted message that has no outcome yet. It is small, so writers keep it by
// value. Writers build the record of their client from Message, which is read-only and valid
// until Delivered or Failed is called.
type Record struct {
	Message *signalcast.Message
	// Accepted is the time at which the message was accepted.
	Accepted time.Time

	schemas    schemaIDs
	batchBytes int
	done       func(signalcast.Receipt, error)
	buffer     *backendkit.Buffer
	room       backendkit.Room
}

// Delivered reports that the record was stored at the given place.
func (r *Record) Delivered(partition int32, offset int64) {
	r.complete(signalcast.Receipt{Partition: partition, Offset: offset, HasOffset: true}, nil)
}

// Completed reports whether r is the zero Record, which stands for a record with an outcome.
func (r *Record) Completed() bool { return r.Message == nil }

// Delivered reports that the records were stored at consecutive offsets. Completed records are
// skipped, but have an offset. offset is that of the first record, negative if unknown.
func Delivered(records []Record, partition int32, offset int64) {
	receipt := signalcast.Receipt{}
	if offset >= 0 {
		receipt = signalcast.Receipt{Partition: partition, Offset: offset, HasOffset: true}
	}
	var b *backendkit.Buffer
	for i := range records {
		if r := &records[i]; !r.Completed() {
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
			if r := &records[i]; !r.Completed() && !yield(r.room) {
				return
			}
		}
	})
}

// Failed reports that the record will not be retried.
func (r *Record) Failed(fate signalcast.Fate, err error) {
	r.complete(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: fate, Err: err})
}

func (r *Record) complete(receipt signalcast.Receipt, err error) {
	r.done(receipt, err)
	r.buffer.Release(r.room)
}

// HasKey reports whether the record has a key.
func (r *Record) HasKey() bool { return r.Message.Key != nil }

// KeyBytes returns the length of the key on the wire.
func (r *Record) KeyBytes() int { return framedBytes(r.schemas.key, r.Message.Key) }

// AppendKey appends the key. It appends nothing if there is no key.
func (r *Record) AppendKey(b []byte) []byte {
	if !r.HasKey() {
		return b
	}
	return appendFramed(b, r.schemas.key, r.Message.Key)
}

// ValueBytes returns the length of the value on the wire.
func (r *Record) ValueBytes() int { return framedBytes(r.schemas.value, r.Message.Event.Value) }

// AppendValue appends the value.
func (r *Record) AppendValue(b []byte) []byte {
	return appendFramed(b, r.schemas.value, r.Message.Event.Value)
}

// frameBytes is the length of Confluent's framing: a zero byte and the ID of the schema.
const frameBytes = 5

// Framed returns data as it is on the wire, framed with the ID of its schema.
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

// BatchBytes returns an upper bound of the size of a batch that holds only r.
func (r *Record) BatchBytes() int { return r.batchBytes }

// batchBytes is BatchBytes of a record of m. names is the length of all header names.
func batchBytes(m *signalcast.Message, names int) int {
	const batch, varints, headers, headerVarints = 61, 32, 10, 6
	size := batch + varints + headers*headerVarints + names + HeaderBytes(m.Event) + 2*frameBytes + len(m.Key) + len(m.Event.Value)
	for _, h := range TraceHeaders(m) {
		size += headerVarints + len(h.Key) + len(h.Value)
	}
	return size
}
