package kafkabus

import (
	"strconv"

	"github.com/signalcast/signalcast"
)

// Attribute is what a record says of its event in one of its headers.
type Attribute struct {
	// Header is the name of the header.
	Header string
	// Append appends the header's value for an event.
	Append func(b []byte, e *signalcast.Envelope) []byte
}

// The places of the attributes that differ from event to event.
const (
	IDAttribute   = 4
	TimeAttribute = 6
)

// Attributes returns the headers of every record as the event bus writes them, in its order.
func Attributes() [10]Attribute {
	contentType := func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.ContentType...) }
	return [...]Attribute{
		{"ce_specversion", func(b []byte, _ *signalcast.Envelope) []byte { return append(b, "1.0"...) }},
		{"content-type", contentType},
		{"ce_datacontenttype", contentType},
		{"ce_type", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.EventType...) }},
		{"ce_id", appendID},
		{"ce_source", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.Source...) }},
		{"ce_time", func(b []byte, e *signalcast.Envelope) []byte { return e.AppendTime(b) }},
		{"ce_minorversion", func(b []byte, e *signalcast.Envelope) []byte { return strconv.AppendInt(b, e.MinorVersion, 10) }},
		{"sourcehost", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.SourceHost...) }},
		{"sourcelib", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.SourceLib...) }},
	}
}

func appendID(b []byte, e *signalcast.Envelope) []byte {
	b, _ = e.ID.AppendText(b) // never fails
	return b
}

// Origin is what the events of one source and type have in common: all attributes
// but ID and time.
type Origin struct {
	contentType, eventType, source, sourceHost, sourceLib string
	minorVersion                                          int64
}

// OriginOf returns the origin of an event.
func OriginOf(e *signalcast.Envelope) Origin {
	return Origin{e.ContentType, e.EventType, e.Source, e.SourceHost, e.SourceLib, e.MinorVersion}
}

// Is reports whether o is the origin of an event.
func (o *Origin) Is(e *signalcast.Envelope) bool {
	return o.eventType == e.EventType && o.contentType == e.ContentType && o.source == e.Source && o.sourceHost == e.SourceHost &&
		o.minorVersion == e.MinorVersion && o.sourceLib == e.SourceLib
}

// HeaderBytes returns how long the values of all headers are together, or somewhat more.
func HeaderBytes(e *signalcast.Envelope) int {
	const version, id, time, number = len("1.0"), 36, 48, 20
	return version + 2*len(e.ContentType) + len(e.EventType) + id + len(e.Source) + time + number +
		len(e.SourceHost) + len(e.SourceLib)
}

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Headers returns the headers of a record of the event.
func Headers(e *signalcast.Envelope) (h [10]Header) {
	for i, a := range Attributes() {
		h[i] = Header{a.Header, a.Append(nil, e)}
	}
	return h
}
