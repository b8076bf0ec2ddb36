package redis

import (
	"github.com/signalcast/signalcast"
)

// Entry holds the fields of one stream entry, in the order in which they are
// written: type, id, source, time, minorversion, sourcehost, sourcelib, event_data.
type Entry struct {
	Type         string
	ID           string
	Source       string
	Time         string
	MinorVersion int64
	SourceHost   string
	SourceLib    string
	EventData    Bytes
}

// Bytes is binary data as go-redis writes it through a pointer.
type Bytes []byte

// MarshalBinary returns b itself.
func (b *Bytes) MarshalBinary() ([]byte, error) { return *b, nil }

// NewEntry returns the stream entry that stores m. It shares m's memory.
// The message key is not part of it: the event bus does not write it to Redis.
func NewEntry(m *signalcast.Message) Entry {
	e := m.Event
	var space [128]byte
	text, _ := e.ID.AppendText(space[:0]) // never fails
	id := len(text)
	text = e.AppendTime(text)
	time := len(text)
	text = append(text, e.SourceLib.String()...)
	all := string(text)
	return Entry{
		Type: e.EventType, ID: all[:id], Source: e.Source, Time: all[id:time],
		MinorVersion: e.MinorVersion, SourceHost: e.SourceHost, SourceLib: all[time:],
		EventData: e.Value,
	}
}
