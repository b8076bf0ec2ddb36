package compat

import (
	"fmt"
	"strings"
)

// Code names a kind of change. Codes are stable; texts are not.
type Code string

// The kinds of changes.
const (
	CodeFieldAdded       Code = "field_added"        // the new schema has a further field
	CodeFieldRemoved     Code = "field_removed"      // the new schema lacks a field
	CodeOrder            Code = "order"              // the fields of a record have another order
	CodeType             Code = "type"               // a value has another Avro type
	CodeNullAdded        Code = "null_added"         // a value can be null now
	CodeNullRemoved      Code = "null_removed"       // a value cannot be null any more
	CodeRecordName       Code = "record_name"        // a record has another name
	CodeRecordReference  Code = "record_reference"   // a change of nullability that fastavro cannot resolve
	CodeAttributes       Code = "attributes"         // only attributes such as doc or default differ
	CodeEventTypeRemoved Code = "event_type_removed" // the new snapshot lacks the event type
)

// Finding is one change of a schema, with the consumers that it breaks. Old consumers have the
// old schema, new consumers the new one.
type Finding struct {
	// EventType is the event type of a finding in a [Snapshot]. [Check] leaves it empty.
	EventType string `json:"event_type,omitempty"`
	// Path is the dotted path of wire names to the change. "[]" is an item of a list, and
	// "[...]" a value of a map. It is empty for the outermost record.
	Path string `json:"path,omitempty"`
	// Code is the kind of the change.
	Code Code `json:"code"`
	// Found is what the new schema has.
	Found string `json:"found"`
	// Want is what it can have instead. It may be empty.
	Want string `json:"want,omitempty"`
	// OldConsumers reports whether old consumers on Kafka cannot read new events.
	OldConsumers bool `json:"breaks_old_consumers"`
	// NewConsumers reports whether new consumers on Kafka cannot read old events.
	NewConsumers bool `json:"breaks_new_consumers"`
	// Redis reports whether the encoding changes or ends. Old consumers on Redis then reject or
	// misread new events, and new ones old events.
	Redis bool `json:"breaks_on_redis"`
}

// String returns the finding on one line: `org.example.user.created.v1: user.age: missing; want
// long; breaks old consumers on Kafka, and all on Redis until they have the schema of the producer`.
func (f Finding) String() string {
	parts := make([]string, 0, 3)
	for _, part := range []string{f.EventType, f.Path} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	text := f.Found
	if f.Want != "" {
		text += "; want " + f.Want
	}
	return fmt.Sprintf("%s; %s", strings.Join(append(parts, text), ": "), f.breaks())
}

// breaks names the consumers that f breaks.
func (f Finding) breaks() string {
	if f.Code == CodeEventTypeRemoved {
		return "consumers get no more events"
	}
	kafka := ""
	switch {
	case f.OldConsumers && f.NewConsumers:
		kafka = "breaks old and new consumers on Kafka"
	case f.OldConsumers:
		kafka = "breaks old consumers on Kafka"
	case f.NewConsumers:
		kafka = "breaks new consumers of old events on Kafka"
	}
	const redis = "on Redis until they have the schema of the producer"
	switch {
	case kafka == "" && f.Redis:
		return "breaks consumers " + redis
	case kafka == "":
		return "breaks no consumer"
	case f.Redis:
		return kafka + ", and all " + redis
	default:
		return kafka
	}
}

// Level says which changes are forbidden.
type Level int

// The levels. The zero level is Forward, the rule of the Open edX event bus.
const (
	Forward  Level = iota // old consumers on Kafka must read new events
	Backward              // new consumers on Kafka must read old events
	Full                  // both
	Exact                 // no schema may change, as Redis requires
)

// Levels returns all levels.
func Levels() []Level { return []Level{Forward, Backward, Full, Exact} }

// String returns the name of the level in lower case.
func (l Level) String() string {
	switch l {
	case Backward:
		return "backward"
	case Full:
		return "full"
	case Exact:
		return "exact"
	default:
		return "forward"
	}
}

// Forbids reports whether f violates the level.
func (l Level) Forbids(f Finding) bool {
	switch l {
	case Backward:
		return f.NewConsumers
	case Full:
		return f.OldConsumers || f.NewConsumers
	case Exact:
		return true
	default:
		return f.OldConsumers
	}
}
