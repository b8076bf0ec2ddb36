package avro

import (
	"encoding/json"
	"fmt"

	hamba "github.com/hamba/avro/v2"

	"github.com/signalcast/signalcast"
)

// InvalidSchemaError reports that a text is not a valid Avro schema.
type InvalidSchemaError struct {
	// Name is the name of the schema.
	Name string
	// Err is the fault of its text.
	Err error
}

// Error returns the name of the schema and the fault.
func (e *InvalidSchemaError) Error() string { return fmt.Sprintf("schema %q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *InvalidSchemaError) Unwrap() error { return e.Err }

// Check returns a [*InvalidSchemaError] if a strict reader rejects schema, and nil otherwise. Readers
// differ: the event bus accepts every event type, but schema registries reject one with a hyphen,
// which is not allowed in an Avro namespace.
//
// Check returns nil if schema is nil, as the schemas of a [signalcast.Route] can be.
func Check(schema *signalcast.Schema) error {
	if schema == nil {
		return nil
	}
	if _, err := parse(schema.Text); err != nil {
		return &InvalidSchemaError{Name: schema.Name, Err: err}
	}
	return nil
}

// parse parses text with an empty cache, so that it cannot refer to names that another schema
// defined.
func parse(text string) (hamba.Schema, error) {
	return hamba.ParseWithCache(text, "", &hamba.SchemaCache{}) //nolint:wrapcheck // the callers wrap it with the name of the schema
}

// parseLenient parses text and ignores an invalid namespace of the outermost type. The encoding
// does not depend on the namespace.
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
	bare, _ := json.Marshal(attributes) // cannot fail: attributes were parsed from JSON
	schema, bareErr := parse(string(bare))
	if bareErr != nil {
		return nil, err
	}
	return schema, nil
}
