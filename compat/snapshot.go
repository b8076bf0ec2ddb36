package compat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/signalcast/signalcast"
)

// Snapshot maps event types to the texts of their schemas.
type Snapshot map[string]string

// NewSnapshot returns the schemas of all signals of r.
func NewSnapshot(r *signalcast.Registry) (Snapshot, error) {
	s := Snapshot{}
	for _, definition := range r.Definitions() {
		encoder, err := signalcast.Avro().Compile(definition)
		if err != nil {
			return nil, fmt.Errorf("schema of %q: %w", definition.EventType(), err)
		}
		s[definition.EventType()] = encoder.ValueSchema().Text
	}
	return s, nil
}

// ParseSnapshot parses the text of a snapshot: a JSON object that maps event types to schemas.
func ParseSnapshot(text []byte) (Snapshot, error) {
	var schemas map[string]json.RawMessage
	if err := json.Unmarshal(text, &schemas); err != nil {
		return nil, fmt.Errorf("snapshot of schemas: found text that does not parse; want a JSON object of schemas by event type: %w", err)
	}
	s := Snapshot{}
	for eventType, schema := range schemas {
		s[eventType] = string(schema)
	}
	return s, nil
}

// Text returns the text that [ParseSnapshot] parses: indented, sorted by event type, with a line
// feed at the end. It returns a [*SchemaError] if a schema is not JSON.
func (s Snapshot) Text() ([]byte, error) {
	schemas := map[string]json.RawMessage{}
	for eventType, schema := range s {
		if err := json.Unmarshal([]byte(schema), new(any)); err != nil {
			return nil, &SchemaError{Schema: "new", EventType: eventType, Found: "a text that is not JSON", Want: wantSchema, Err: err}
		}
		schemas[eventType] = json.RawMessage(schema)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(schemas)
	return text.Bytes(), err
}

// Check compares s, which is the old snapshot, with newer. It calls the function [Check] for each event
// type of s, in sorted order. An event type that newer lacks is a finding at every level. An event
// type that only newer has is no finding.
func (s Snapshot) Check(newer Snapshot, level Level) ([]Finding, error) {
	var findings []Finding
	for _, eventType := range slices.Sorted(maps.Keys(s)) {
		schema, exists := newer[eventType]
		if !exists {
			findings = append(findings, Finding{
				EventType: eventType, Code: CodeEventTypeRemoved, Found: "missing", Want: "the event type",
				BreaksOldConsumers: true, BreaksNewConsumers: true, BreaksOnRedis: true,
			})
			continue
		}
		found, err := Check(s[eventType], schema, level)
		if invalid, ok := errors.AsType[*SchemaError](err); ok {
			invalid.EventType = eventType
		}
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			f.EventType = eventType
			findings = append(findings, f)
		}
	}
	return findings, nil
}
