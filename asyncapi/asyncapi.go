// Package asyncapi describes what a service publishes as an AsyncAPI 3.0 document.
//
//	document, err := asyncapi.Document(registry, dispatcher.Routes(), asyncapi.Options{Title: "Shop", Version: "1.4.0"})
package asyncapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/signalcast/signalcast"
)

// Options are the options of [Document].
type Options struct {
	// Title is the title of the document, usually the name of the service. Empty means "Events".
	Title string
	// Version is the version of what the document describes. Empty means "0.0.0".
	Version string
	// IncludeDisabled also describes the routes that are not enabled.
	IncludeDisabled bool
}

// Document returns an AsyncAPI 3.0 document in JSON that describes routes. The routes can be those of
// several dispatchers. The docs of the signals in r describe the messages. The text is indented, and equal
// for equal arguments.
//
// Each topic with an enabled route is a channel and an operation "send". Each event type on the topic is
// a message of the channel. A message has the Avro schema of the event, the headers of a Kafka record, and the
// Kafka bindings. On Redis, an event has the same payload, and fields of a stream entry instead of headers.
//
// The document names no server. AsyncAPI does not permit an Avro namespace with a hyphen, so Document leaves
// such a namespace out.
func Document(r *signalcast.Registry, routes []signalcast.Route, o Options) ([]byte, error) {
	docs := map[string]string{}
	for _, d := range r.Definitions() {
		docs[d.EventType()] = d.Doc()
	}
	channels, operations := object{}, object{}
	for _, route := range routes {
		if !route.Enabled && !o.IncludeDisabled {
			continue
		}
		message, err := newMessage(route, docs[route.EventType])
		if err != nil {
			return nil, err
		}
		if channels[route.Topic] == nil {
			channels[route.Topic] = newChannel(route.Topic)
			operations["send "+route.Topic] = object{"action": "send", "channel": reference("channels", route.Topic)}
		}
		channels[route.Topic].(object)["messages"].(object)[route.EventType] = message
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(object{
		"asyncapi":   "3.0.0",
		"info":       object{"title": cmp.Or(o.Title, "Events"), "version": cmp.Or(o.Version, "0.0.0")},
		"channels":   channels,
		"operations": operations,
		"components": object{"schemas": object{"headers": headersSchema()}},
	})
	return text.Bytes(), err
}

type object = map[string]any

// bindingVersion is the version of the Kafka bindings.
const bindingVersion = "0.5.0"

func newChannel(topic string) object {
	return object{
		"address":  topic,
		"messages": object{},
		"bindings": object{"kafka": object{"topic": topic, "bindingVersion": bindingVersion}},
	}
}

func newMessage(route signalcast.Route, doc string) (object, error) {
	contentType := object{"const": route.ContentType}
	m := object{
		"name":        route.EventType,
		"contentType": route.ContentType,
		"headers": object{
			"type":  "object",
			"allOf": []object{reference("components", "schemas", "headers")},
			"properties": object{
				"ce_type": object{"const": route.EventType}, "content-type": contentType, "ce_datacontenttype": contentType,
			},
		},
	}
	if doc != "" {
		m["summary"] = doc
	}
	kafka := object{"bindingVersion": bindingVersion}
	if route.ContentType == signalcast.Avro().ContentType() && route.ValueSchema != nil {
		schema, err := avroSchema(route.ValueSchema.Text)
		if err != nil {
			return nil, fmt.Errorf("schema of %q: %w", route.EventType, err)
		}
		m["payload"] = object{"schemaFormat": "application/vnd.apache.avro;version=1.9.0", "schema": schema}
		kafka["schemaIdLocation"] = "payload"
		kafka["schemaIdPayloadEncoding"] = "confluent"
		kafka["schemaLookupStrategy"] = "TopicRecordNameStrategy"
	}
	if route.KeyPath != "" {
		kafka["key"] = keySchema(route)
	}
	m["bindings"] = object{"kafka": kafka}
	return m, nil
}

var avroNamespace = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`)

// avroSchema returns the Avro schema in text. It leaves out a namespace that AsyncAPI does not permit.
func avroSchema(text string) (object, error) {
	var schema object
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		return nil, fmt.Errorf("found a text that is not a JSON object; want an Avro record: %w", err)
	}
	if namespace, _ := schema["namespace"].(string); !avroNamespace.MatchString(namespace) {
		delete(schema, "namespace")
	}
	return schema, nil
}

// keySchema returns the schema of the event key. The Kafka bindings want a JSON Schema.
func keySchema(route signalcast.Route) object {
	schema := object{"description": "The event key: " + route.KeyPath}
	if route.KeySchema == nil {
		return schema
	}
	switch route.KeySchema.Name {
	case "long":
		schema["type"], schema["format"] = "integer", "int64"
	case "double":
		schema["type"], schema["format"] = "number", "double"
	case "boolean":
		schema["type"] = "boolean"
	case "bytes":
		schema["type"], schema["format"] = "string", "binary"
	default:
		schema["type"] = "string"
	}
	return schema
}

// headersSchema returns the JSON Schema of the headers that every Kafka record has.
func headersSchema() object {
	text := func(description string) object { return object{"type": "string", "description": description} }
	return object{
		"type":        "object",
		"description": "The attributes of a CloudEvent, as headers of a Kafka record. Each value is text.",
		"required": []string{
			"ce_specversion", "content-type", "ce_datacontenttype", "ce_type", "ce_id",
			"ce_source", "ce_time", "ce_minorversion", "sourcehost", "sourcelib",
		},
		"properties": object{
			"ce_specversion":     object{"const": "1.0"},
			"content-type":       text("The media type of the payload."),
			"ce_datacontenttype": text("The media type of the payload."),
			"ce_type":            text("The event type."),
			"ce_id":              object{"type": "string", "format": "uuid", "description": "The ID of the event."},
			"ce_source":          text("The service that sent the event, such as openedx/lms/web."),
			"ce_time":            object{"type": "string", "format": "date-time", "description": "The time of the event, in UTC."},
			"ce_minorversion":    text("The minor version of the event type, in decimal."),
			"sourcehost":         text("The host that sent the event. May be empty."),
			"sourcelib":          text("The version of the library that sent the event, such as 11.2.0."),
		},
	}
}

// reference returns a reference to the part of the document at path.
func reference(path ...string) object {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	var pointer strings.Builder
	pointer.WriteString("#")
	for _, name := range path {
		pointer.WriteString("/" + url.PathEscape(escape.Replace(name)))
	}
	return object{"$ref": pointer.String()}
}
