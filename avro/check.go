package avro

import (
	"encoding/json"
	"fmt"

	hamba "github.com/hamba/avro/v2"

	"github.com/signalcast/signalcast"
)

// SchemaError reports a text that is no Avro schema.
type SchemaError struct {
	// Name is the name of the schema.
	Name string
	// Err says what is wrong with its text.
	Err error
}

// Error names the schema and the fault.
func (e *SchemaError) Error() string { return fmt.Sprintf("schema %q: %v", e.Name, e.Err) }

// Unwrap returns the cause.
func (e *SchemaError) Unwrap() error { return e.Err }

// Check reports, as a [*SchemaError], why a strict reader would refuse the
// schema. Readers differ: the event bus itself takes every event type, but one
// with a hyphen in its name is no Avro namespace, and schema registries refuse it.
//
// The schemas of a [signalcast.Route] can be given as they are: nil, which
// stands for no schema, has no fault.
func Check(schema *signalcast.Schema) error {
	if schema == nil {
		return nil
	}
	if _, err := parse(schema.Text); err != nil {
		return &SchemaError{Name: schema.Name, Err: err}
	}
	return nil
}

// parse parses the text with nothing else known: a schema that was seen before
// cannot lend it names.
func parse(text string) (hamba.Schema, error) {
	return hamba.ParseWithCache(text, "", &hamba.SchemaCache{}) //nolint:wrapcheck // the callers say which schema
}

// parseLenient parses the text whatever its namespace is, which does not show
// in the bytes that it describes.
func parseLenient(text string) (hamba.Schema, error) {
	schema, err := parse(text)
	if err == nil {
		return schema, nil
	}
	var attributes map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &attributes) != nil {
		return nil, err
	}
	delete(attributes, "namespace")
	bare, _ := json.Marshal(attributes) // it was parsed from JSON
	schema, bareErr := parse(string(bare))
	if bareErr != nil {
		return nil, err
	}
	return schema, nil
}
