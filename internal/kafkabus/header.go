package kafkabus

import (
	"strconv"

	"github.com/signalcast/signalcast"
)

// Attribute is one attribute of an event, as a header of a record.
type Attribute struct {
	// Header is the name of the header.
	Header string
	// Append appends the value of the header for an event.
	Append func(b []byte, e *signalcast.Envelope) []byte
}

// The indexes of the attributes that differ from event to event.
const (
	IDAttribute   = 4
	TimeAttribute = 6
)

// Attributes returns the attributes of every event, in the order of the event bus.
func Attributes() [10]Attribute {
	contentType := func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.ContentType...) }
	return [...]Attribute{
		{"ce_specversion", func(b []byte, _ *signalcast.Envelope) []byte { return append(b, "1.0"...) }},
		{"content-type", contentType},
		{"ce_datacontenttype", contentType},
		{"ce_type", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.EventType...) }},
		{"ce_id", AppendID},
		{"ce_source", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.Source...) }},
		{"ce_time", func(b []byte, e *signalcast.Envelope) []byte { return e.AppendTime(b) }},
		{"ce_minorversion", func(b []byte, e *signalcast.Envelope) []byte { return strconv.AppendInt(b, e.MinorVersion, 10) }},
		{"sourcehost", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.SourceHost...) }},
		{"sourcelib", func(b []byte, e *signalcast.Envelope) []byte { return append(b, e.SourceLib...) }},
	}
}

// AppendID appends the header for the ID of an event.
func AppendID(b []byte, e *signalcast.Envelope) []byte {
	b, _ = e.ID.AppendText(b) // never fails
	return b
}

// Common holds the attributes that consecutive events of one type share: all but ID and time.
type Common struct {
	contentType, eventType, source, sourceHost, sourceLib string
	minorVersion                                          int64
}

// CommonOf returns the common attributes of an event.
func CommonOf(e *signalcast.Envelope) Common {
	return Common{e.ContentType, e.EventType, e.Source, e.SourceHost, e.SourceLib, e.MinorVersion}
}

// Equal reports whether c holds the common attributes of an event.
func (c *Common) Equal(e *signalcast.Envelope) bool {
	return c.eventType == e.EventType && c.contentType == e.ContentType && c.source == e.Source && c.sourceHost == e.SourceHost &&
		c.minorVersion == e.MinorVersion && c.sourceLib == e.SourceLib
}

// HeaderBytes returns an upper bound of the length of all header values together.
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

// TraceHeaders returns the headers for the trace of a message, which follow the others, or none.
func TraceHeaders(m *signalcast.Message) []Header {
	switch {
	case m.Trace == nil:
		return nil
	case m.Trace.TraceState == "":
		return []Header{{"traceparent", []byte(m.Trace.TraceParent)}}
	default:
		return []Header{{"traceparent", []byte(m.Trace.TraceParent)}, {"tracestate", []byte(m.Trace.TraceState)}}
	}
}
