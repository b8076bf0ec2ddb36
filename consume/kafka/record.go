package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// framing is the number of bytes before a value: a zero byte and the ID of its schema.
const framing = 5

var (
	errFraming = errors.New("value: found bytes without framing; want a zero byte and the ID of a schema")
	errShort   = errors.New("value: found fewer than 5 bytes; want a zero byte, the ID of a schema and event data")
)

// schemaID returns the ID of the schema of a record. ok is false if the record does not need one.
func schemaID(r *kgo.Record) (id uint32, ok bool) {
	if len(r.Value) < framing || r.Value[0] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint32(r.Value[1:]), true
}

// setMessage sets a message to a record. schema is the one that its value names.
func setMessage(m *consume.Message, r *kgo.Record, schema *signalcast.Schema) {
	m.Topic, m.Partition, m.Offset, m.Time, m.Raw = r.Topic, r.Partition, r.Offset, r.Timestamp, r
	m.Key = unframed(r.Key)
	m.Err = readHeaders(m, r.Headers)
	switch {
	case r.Value == nil:
	case len(r.Value) < framing:
		m.Value, m.Err = r.Value, errors.Join(m.Err, errShort)
	case r.Value[0] != 0:
		m.Value, m.Err = r.Value, errors.Join(m.Err, errFraming)
	default:
		m.Value, m.Schema = r.Value[framing:], schema
	}
}

// maxSpace is the size of the memory that the keys and headers of records share.
const maxSpace = 8 << 10

// block is memory for the keys and headers of several records. The source owns the records, but their bytes are part of the buffers of the
// client, which hold megabytes. Values have memory of their own, since receivers may keep strings of the event.
type block struct{ free []byte }

// copy copies the bytes of a record, so that it shares no memory with the client. n is the number of records that will be copied, with this
// one.
func (b *block) copy(r *kgo.Record, n int) {
	size := len(r.Key)
	for i := range r.Headers {
		size += len(r.Headers[i].Value)
	}
	if size > len(b.free) {
		b.free = make([]byte, max(size, min(maxSpace, size*n)))
	}
	r.Key, r.Value = b.bytes(r.Key), bytes.Clone(r.Value)
	for i := range r.Headers {
		r.Headers[i].Value = b.bytes(r.Headers[i].Value)
	}
}

// bytes returns a copy.
func (b *block) bytes(from []byte) []byte {
	if from == nil {
		return nil
	}
	n := copy(b.free, from)
	to := b.free[:n:n]
	b.free = b.free[n:]
	return to
}

// unframed returns a key without its framing. Keys of other programs may have none.
func unframed(key []byte) []byte {
	if len(key) >= framing && key[0] == 0 {
		return key[framing:]
	}
	return key
}

// readHeaders sets the attributes of a message.
func readHeaders(m *consume.Message, headers []kgo.RecordHeader) error {
	a := &m.Attributes
	for _, h := range headers {
		var to *[]byte
		switch h.Key {
		case "ce_type":
			to = &a.Type
		case "ce_id":
			to = &a.ID
		case "ce_source":
			to = &a.Source
		case "ce_time":
			to = &a.Time
		case "ce_minorversion":
			to = &a.MinorVersion
		case "sourcehost":
			to = &a.SourceHost
		case "sourcelib":
			to = &a.SourceLib
		case "traceparent":
			to = &a.TraceParent
		case "tracestate":
			to = &a.TraceState
		case "ce_specversion", "content-type", "ce_datacontenttype":
			continue
		default:
			m.Extra = append(m.Extra, consume.Field{Name: h.Key, Value: string(h.Value)})
			continue
		}
		if *to != nil {
			return fmt.Errorf("header %s: found two; want one", h.Key)
		}
		if *to = h.Value; *to == nil {
			*to = []byte{}
		}
	}
	return nil
}
