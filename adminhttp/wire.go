package adminhttp

import (
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strconv"

	"github.com/signalcast/signalcast"
)

// This file encodes messages as the backends do, for the dry run. The packages of the backends import client libraries, so
// this package does not import them. A test compares the results.

// fieldView is a header of a Kafka record, or a field of a Redis entry. Text is empty for bytes that are not text.
type fieldView struct {
	Name string `json:"name"`
	Text string `json:"text,omitempty"`
	Hex  string `json:"hex"`
}

func textField(name, text string) fieldView {
	return fieldView{name, text, hex.EncodeToString([]byte(text))}
}

func kafkaHeaders(m *signalcast.Message) []fieldView {
	e := m.Event
	return append([]fieldView{
		textField("ce_specversion", "1.0"),
		textField("content-type", e.ContentType),
		textField("ce_datacontenttype", e.ContentType),
		textField("ce_type", e.EventType),
		textField("ce_id", e.ID.String()),
		textField("ce_source", e.Source),
		textField("ce_time", string(e.AppendTime(nil))),
		textField("ce_minorversion", strconv.FormatInt(e.MinorVersion, 10)),
		textField("sourcehost", e.SourceHost),
		textField("sourcelib", e.SourceLib),
	}, traceFields(m)...)
}

func redisEntry(m *signalcast.Message) []fieldView {
	e := m.Event
	return append([]fieldView{
		textField("type", e.EventType),
		textField("id", e.ID.String()),
		textField("source", e.Source),
		textField("time", string(e.AppendTime(nil))),
		textField("minorversion", strconv.FormatInt(e.MinorVersion, 10)),
		textField("sourcehost", e.SourceHost),
		textField("sourcelib", e.SourceLib),
		{Name: "event_data", Hex: hex.EncodeToString(e.Value)},
	}, traceFields(m)...)
}

func traceFields(m *signalcast.Message) []fieldView {
	if m.Trace == nil {
		return nil
	}
	fields := []fieldView{textField("traceparent", m.Trace.TraceParent)}
	if m.Trace.TraceState != "" {
		fields = append(fields, textField("tracestate", m.Trace.TraceState))
	}
	return fields
}

// framed returns a Kafka key: the ID of its schema in the schema registry, and the encoded key.
func framed(schemaID uint32, key []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, schemaID), key...)
}

// partition returns the partition of a Kafka key. The Python producer of Open edX chooses the same one.
func partition(key []byte, partitions int) int {
	return int(crc32.ChecksumIEEE(key) % uint32(partitions)) //nolint:gosec // at most maxPartitions
}
