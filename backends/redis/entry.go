package redis

import (
	"strconv"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/resp"
)

// Entry holds the fields of one stream entry, in the order of the wire: type, id, source, time, minorversion, sourcehost, sourcelib,
// event_data. A message with a trace has traceparent too, and tracestate unless it is empty.
type Entry struct {
	Type         string
	ID           string
	Source       string
	Time         string
	MinorVersion int64
	SourceHost   string
	SourceLib    string
	EventData    []byte
	TraceParent  string
	TraceState   string
}

// NewEntry returns the stream entry of m. It shares the memory of m. The key is not a
// field: the event bus does not write it to Redis.
func NewEntry(m *signalcast.Message) Entry {
	e := m.Event
	entry := Entry{
		Type: e.EventType, ID: e.ID.String(), Source: e.Source, Time: string(e.AppendTime(nil)),
		MinorVersion: e.MinorVersion, SourceHost: e.SourceHost, SourceLib: e.SourceLib,
		EventData: e.Value,
	}
	if m.Trace != nil {
		entry.TraceParent, entry.TraceState = m.Trace.TraceParent, m.Trace.TraceState
	}
	return entry
}

// entryFields returns the number of fields of the entry of m.
func entryFields(m *signalcast.Message) int {
	const always = 8
	switch {
	case m.Trace == nil:
		return always
	case m.Trace.TraceState == "":
		return always + 1
	default:
		return always + 2
	}
}

// appendTrace appends the fields behind the event data as arguments of a command.
func appendTrace(b []byte, t *signalcast.TraceContext) []byte {
	if t == nil {
		return b
	}
	b = append(b, "$11\r\ntraceparent\r\n"...)
	b = resp.AppendBulk(b, t.TraceParent)
	if t.TraceState != "" {
		b = append(b, "$10\r\ntracestate\r\n"...)
		b = resp.AppendBulk(b, t.TraceState)
	}
	return b
}

// appendEntry appends the fields of NewEntry as arguments of a command, up to the event
// data itself.
func appendEntry(b []byte, e *signalcast.Envelope) []byte {
	var space [64]byte
	b = append(b, "$4\r\ntype\r\n"...)
	b = resp.AppendBulk(b, e.EventType)
	b = append(b, "$2\r\nid\r\n"...)
	text, _ := e.ID.AppendText(space[:0]) // never fails
	b = resp.AppendBulk(b, text)
	b = append(b, "$6\r\nsource\r\n"...)
	b = resp.AppendBulk(b, e.Source)
	b = append(b, "$4\r\ntime\r\n"...)
	b = resp.AppendBulk(b, e.AppendTime(space[:0]))
	b = append(b, "$12\r\nminorversion\r\n"...)
	b = resp.AppendInt(b, e.MinorVersion)
	b = append(b, "$10\r\nsourcehost\r\n"...)
	b = resp.AppendBulk(b, e.SourceHost)
	b = append(b, "$9\r\nsourcelib\r\n"...)
	b = resp.AppendBulk(b, e.SourceLib)
	b = append(b, "$10\r\nevent_data\r\n$"...)
	b = strconv.AppendInt(b, int64(len(e.Value)), 10)
	return append(b, "\r\n"...)
}
