// Package configschema describes producer configurations as a JSON Schema. Editors complete and check
// configuration files with it. A file names its schema in one line:
//
//	{"$schema": "./events.schema.json", …}                 JSON
//	# yaml-language-server: $schema=./events.schema.json   YAML
//	#:schema ./events.schema.json                          TOML
package configschema

import (
	"bytes"
	"encoding/json"

	"github.com/signalcast/signalcast"
)

// JSONSchema returns a JSON Schema, draft 7, for configuration files of the signals in r. The text is
// indented, and equal for equal registries.
//
// A file is one layer of a merge, so no setting is required, and null means that another layer
// sets the value. Otherwise, the schema accepts what [signalcast.ParseProducerConfig] and
// [signalcast.ProducerConfig.Validate] accept. It cannot find duplicate keys and text that is not
// Unicode, which a parsed file does not show.
func JSONSchema(r *signalcast.Registry) ([]byte, error) {
	properties := object{"$schema": object{"type": "string"}}
	for _, d := range r.Definitions() {
		properties[d.EventType()] = topics(d.Doc(), r.KeyPaths(d.EventType()))
	}
	schema := object{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"title":                "Producer configuration: event type → topic → settings",
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
		"definitions":          definitions(),
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(schema)
	return text.Bytes(), err
}

type object = map[string]any

// topics returns the schema of the topics of an event type.
func topics(doc string, keyPaths []string) object {
	topics := object{
		"type":          "object",
		"propertyNames": object{"minLength": 1},
		"additionalProperties": object{
			"type": "object",
			"properties": object{
				"event_key_field": object{
					"description": "The key path: the field of the event's data that is the event key.",
					"enum":        orNull(keyPaths),
				},
				"enabled": reference("enabled"),
				"keyless": reference("keyless"),
				"mode":    reference("mode"),
			},
			"additionalProperties": false,
			"not":                  reference("keyless_with_key"),
		},
	}
	if doc != "" {
		topics["description"] = doc
	}
	return topics
}

// orNull returns values and null, for an enum.
func orNull[T any](values []T) []any {
	all := []any{}
	for _, v := range values {
		all = append(all, v)
	}
	return append(all, nil)
}

func reference(name string) object { return object{"$ref": "#/definitions/" + name} }

// definitions returns the schemas that the topics of all event types refer to.
func definitions() object {
	return object{
		"enabled": object{
			"description": "Whether events of this type are published to this topic.",
			"type":        []string{"boolean", "null"},
		},
		"keyless": object{
			"description": "true means that the events have no key on this topic.",
			"type":        []string{"boolean", "null"},
		},
		"mode": object{
			"description": "When events are published, relative to a database transaction.",
			"enum":        orNull([]signalcast.Mode{signalcast.ModeImmediate, signalcast.ModeOnCommit, signalcast.ModeOutbox}),
		},
		"keyless_with_key": object{
			"required": []string{"event_key_field", "keyless"},
			"properties": object{
				"event_key_field": object{"type": "string"},
				"keyless":         object{"const": true},
			},
		},
	}
}
