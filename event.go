package signalcast

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signalcast/signalcast/internal/shape"
)

// Naive returns the location of times without an offset. A time.Time in it is
// written as a bare date and time, as Python writes a naive datetime, and a
// bare date and time is read into it. Only event data may hold naive times.
// Every call returns the same pointer.
func Naive() *time.Location { return shape.Naive() }

// Event is one occurrence of a signal, as receivers get it. Its JSON form is that of
// its Metadata, so that logging an event does not log event data.
type Event[T any] struct {
	Metadata

	// Data is the sender's value. Receivers share what it points to with the sender and must
	// not change it.
	Data T
}

// Metadata describes one event. It holds the CloudEvents attributes that the event bus
// carries. Its JSON form has the names of the bus and the time as Python's isoformat writes it.
type Metadata struct {
	// ID identifies the event. It must not be the nil UUID.
	ID UUID
	// EventType is the name of the signal.
	EventType string
	// MinorVersion is the minor version of the event data. It must not be negative.
	MinorVersion int64
	// Source is the service that sent the event: "openedx/lms/web".
	Source string
	// SourceHost is the name of the sending host. It may be empty.
	SourceHost string
	// Time is when the event happened, in UTC, in the years 1 to 9999. It is cut to
	// microseconds.
	Time time.Time
	// SourceLib is the version of the library that sent the event, as numbers joined
	// by dots: "11.2.0".
	SourceLib string
	// FromEventBus is true for an event that was received from the bus. Receivers get
	// such an event, and it is never published again. FromEventBus is not on the wire.
	FromEventBus bool
}

// AppendTime appends m.Time as the bus writes it: "2026-01-02T03:04:05.678901+00:00",
// without the fraction when it is zero.
func (m *Metadata) AppendTime(b []byte) []byte {
	b, _ = shape.AppendTime(b, m.Time) // the metadata of a published event is valid
	return b
}

// check reports the first attribute that consumers of the bus could not read.
func (m *Metadata) check() error {
	utc := m.Time.UTC()
	switch {
	case m.ID == UUID{}:
		return invalidMetadata(m.EventType, "id", "found the nil UUID", "an ID of its own for every event")
	case m.MinorVersion < 0:
		return invalidMetadata(m.EventType, "minorversion", fmt.Sprintf("found %d", m.MinorVersion), "0 or more")
	case !utf8.ValidString(m.Source):
		return invalidMetadata(m.EventType, "source", "found invalid UTF-8", "text in UTF-8")
	case !utf8.ValidString(m.SourceHost):
		return invalidMetadata(m.EventType, "sourcehost", "found invalid UTF-8", "text in UTF-8")
	case m.Time.IsZero():
		return invalidMetadata(m.EventType, "time", "found the zero time", "the time of the event")
	case m.Time.Location() == Naive():
		return invalidMetadata(m.EventType, "time", "found a time without an offset", "a time in UTC")
	case utc.Year() < 1 || utc.Year() > 9999:
		return invalidMetadata(m.EventType, "time", fmt.Sprintf("found year %d", utc.Year()), "years 1 to 9999")
	}
	if _, err := parseVersion(m.SourceLib); err != nil {
		return invalidMetadata(m.EventType, "sourcelib", "found a version of another form", wantVersion)
	}
	return nil
}

func invalidMetadata(eventType, attribute, found, want string) error {
	return &EncodeError{EventType: eventType, Fields: []FieldError{{Path: "metadata." + attribute, Found: found, Want: want}}}
}

const wantVersion = "numbers joined by dots, such as 11.2.0"

// parseVersion returns the numbers of a version such as "11.2.0".
func parseVersion(version string) ([]uint64, error) {
	var numbers []uint64
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return nil, errors.New("found a version of another form; want " + wantVersion)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// metadataJSON has the names of the reference's EventsMetadata.
type metadataJSON struct {
	EventType    string   `json:"event_type"`
	ID           UUID     `json:"id"`
	MinorVersion int64    `json:"minorversion"`
	Source       string   `json:"source"`
	SourceHost   string   `json:"sourcehost"`
	Time         string   `json:"time"`
	SourceLib    []uint64 `json:"sourcelib"`
}

// MarshalJSON writes the attributes that are on the wire.
func (m Metadata) MarshalJSON() ([]byte, error) {
	text, err := shape.AppendTime(nil, m.Time.UTC())
	if err != nil {
		return nil, fmt.Errorf("metadata.time: %w", err)
	}
	version, err := parseVersion(m.SourceLib)
	if err != nil {
		return nil, fmt.Errorf("metadata.sourcelib: %w", err)
	}
	text, err = json.Marshal(metadataJSON{
		m.EventType, m.ID, m.MinorVersion, m.Source, m.SourceHost, string(text), version,
	})
	if err != nil {
		return nil, fmt.Errorf("metadata: %w", err)
	}
	return text, nil
}

// UnmarshalJSON reads the form that MarshalJSON writes. Unknown attributes are an error.
// Absent ones are zero; Send checks those that are required. A JSON null changes nothing.
func (m *Metadata) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var j metadataJSON
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	parsed := Metadata{
		ID: j.ID, EventType: j.EventType, MinorVersion: j.MinorVersion,
		Source: j.Source, SourceHost: j.SourceHost, SourceLib: joinVersion(j.SourceLib),
	}
	if j.Time != "" {
		t, err := shape.ParseTime(j.Time)
		if err != nil {
			return fmt.Errorf("metadata.time: %w", err)
		}
		if _, offset := t.Zone(); offset != 0 || t.Location() == Naive() {
			return errors.New("metadata.time: found a time with another offset or none; want +00:00")
		}
		parsed.Time = t
	}
	*m = parsed
	return nil
}

// joinVersion is the inverse of parseVersion.
func joinVersion(numbers []uint64) string {
	parts := make([]string, len(numbers))
	for i, n := range numbers {
		parts[i] = strconv.FormatUint(n, 10)
	}
	return strings.Join(parts, ".")
}
