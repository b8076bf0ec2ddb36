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
func Naive() *time.Location { return shape.Naive }

// Event is one occurrence of a signal, as receivers get it. Its JSON form is that of
// its Metadata: a receiver that logs events does not log event data by that.
type Event[T any] struct {
	Metadata

	// Data is the sender's value, not a copy of what it points to: receivers read it only.
	Data T
}

// Metadata describes one event: the attributes of a CloudEvent that the event bus carries.
// Its JSON form has the bus's names and times in the form of Python's isoformat.
type Metadata struct {
	// ID identifies the event. It is not the nil UUID.
	ID UUID
	// EventType is the name of the signal.
	EventType string
	// MinorVersion is the minor version of the signal's data. It is not negative.
	MinorVersion int64
	// Source says which service sent the event: "openedx/lms/web".
	Source string
	// SourceHost is the name of the sending host. It may be empty.
	SourceHost string
	// Time is when the event happened, in UTC, in years 1 to 9999. Nanoseconds are cut to microseconds.
	Time time.Time
	// SourceLib is the version of the library that sent the event, as numbers joined
	// by dots: "11.2.0".
	SourceLib string
	// FromEventBus says that the event was received from a bus. Such an event is
	// given to in-process receivers and never published again. It is not on the wire.
	FromEventBus bool
}

// AppendTime appends m.Time as the bus writes it: "2026-01-02T03:04:05.678901+00:00",
// without the fraction when it is zero.
func (m *Metadata) AppendTime(b []byte) []byte {
	b, _ = shape.AppendTime(b, m.Time) // metadata of a published event was checked
	return b
}

// check reports the first attribute that consumers of the bus could not read.
func (m *Metadata) check() error {
	fault := func(field, problem string) error {
		return &EncodeError{EventType: m.EventType, Field: "metadata." + field, Err: errors.New(problem)}
	}
	switch {
	case m.ID == UUID{}:
		return fault("id", "is the nil UUID; every event has an ID of its own")
	case m.MinorVersion < 0:
		return fault("minorversion", fmt.Sprintf("is %d; a minor version is not negative", m.MinorVersion))
	case !utf8.ValidString(m.Source):
		return fault("source", "is not valid UTF-8")
	case !utf8.ValidString(m.SourceHost):
		return fault("sourcehost", "is not valid UTF-8")
	case m.Time.IsZero():
		return fault("time", "is not set")
	case m.Time.Location() == Naive():
		return fault("time", "has no offset; the time of an event is in UTC")
	case m.Time.UTC().Year() < 1 || m.Time.UTC().Year() > 9999:
		return fault("time", fmt.Sprintf("is in year %d; years 1 to 9999 can be written", m.Time.UTC().Year()))
	}
	if _, err := parseVersion(m.SourceLib); err != nil {
		return fault("sourcelib", err.Error())
	}
	return nil
}

// parseVersion returns the numbers of a version such as "11.2.0".
func parseVersion(version string) ([]uint64, error) {
	var numbers []uint64
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.ParseUint(part, 10, 63)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return nil, errors.New("found a version of another form; want numbers joined by dots, such as 11.2.0")
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

// UnmarshalJSON reads what MarshalJSON writes. Unknown attributes are an error;
// missing ones stay zero, which sending refuses where it matters. A JSON null
// changes nothing.
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
			return errors.New("metadata.time: the time of an event is in UTC: its offset is +00:00")
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
