package compat

import (
	"fmt"
	"strings"
)

// Code names a kind of change. Codes are stable; texts are not.
type Code string

// The kinds of changes.
const (
	CodeFieldAdded       Code = "field_added"        // the new schema has a field that the old one lacks
	CodeFieldRemoved     Code = "field_removed"      // the new schema lacks a field of the old one
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
// old schema, and new consumers have the new one.
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
	// Want is what the new schema can have instead. It may be empty.
	Want string `json:"want,omitempty"`
	// BreaksOldConsumers means that old consumers on Kafka cannot read new events.
	BreaksOldConsumers bool `json:"breaks_old_consumers"`
	// BreaksNewConsumers means that new consumers on Kafka cannot read old events.
	BreaksNewConsumers bool `json:"breaks_new_consumers"`
	// BreaksOnRedis means that the encoding of events changes, or that the event type is removed. On
	// Redis, old consumers reject or misread new events, and new consumers old events.
	BreaksOnRedis bool `json:"breaks_on_redis"`
}

// String returns the finding on one line: `org.example.user.created.v1: user.age: missing; want
// long; breaks old consumers on Kafka, and every consumer on Redis until it has the schema of the producer`.
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
	return fmt.Sprintf("%s; %s", strings.Join(append(parts, text), ": "), f.brokenConsumers())
}

// brokenConsumers names the consumers that f breaks.
func (f Finding) brokenConsumers() string {
	if f.Code == CodeEventTypeRemoved {
		return "consumers get no more events"
	}
	kafka := ""
	switch {
	case f.BreaksOldConsumers && f.BreaksNewConsumers:
		kafka = "breaks old and new consumers on Kafka"
	case f.BreaksOldConsumers:
		kafka = "breaks old consumers on Kafka"
	case f.BreaksNewConsumers:
		kafka = "breaks new consumers of old events on Kafka"
	}
	const redis = "on Redis until it has the schema of the producer"
	switch {
	case kafka == "" && f.BreaksOnRedis:
		return "breaks every consumer " + redis
	case kafka == "":
		return "breaks no consumer"
	case f.BreaksOnRedis:
		return kafka + ", and every consumer " + redis
	default:
		return kafka
	}
}

// Level is a rule that forbids changes of schemas.
type Level int

// The levels. The zero level is Forward, the rule of the Open edX event bus.
const (
	Forward  Level = iota // old consumers on Kafka must read new events
	Backward              // new consumers on Kafka must read old events
	Full                  // both
	Exact                 // a schema must not change, as Redis requires
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
		return f.BreaksNewConsumers
	case Full:
		return f.BreaksOldConsumers || f.BreaksNewConsumers
	case Exact:
		return true
	default:
		return f.BreaksOldConsumers
	}
}
