package kafka

import (
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

// message returns a record as a message that shares no memory with the buffers of the client. schema is the one that its
// value names.
func message(r *kgo.Record, schema *signalcast.Schema) consume.Message {
	compact(r)
	m := consume.Message{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp, Raw: r}
	m.Key = unframed(r.Key)
	m.Err = readHeaders(&m, r.Headers)
	switch {
	case r.Value == nil:
	case len(r.Value) < framing:
		m.Value, m.Err = r.Value, errors.Join(m.Err, errShort)
	case r.Value[0] != 0:
		m.Value, m.Err = r.Value, errors.Join(m.Err, errFraming)
	default:
		m.Value, m.Schema = r.Value[framing:], schema
	}
	return m
}

// compact copies the bytes of a record into one piece of memory. The source owns the record, but its bytes are part of a
// buffer with many other records.
func compact(r *kgo.Record) {
	size := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		size += len(r.Headers[i].Value)
	}
	space := make([]byte, 0, size)
	copied := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		start := len(space)
		space = append(space, b...)
		return space[start:len(space):len(space)]
	}
	r.Key, r.Value = copied(r.Key), copied(r.Value)
	for i := range r.Headers {
		r.Headers[i].Value = copied(r.Headers[i].Value)
	}
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
