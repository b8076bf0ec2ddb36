package signalcast

import "github.com/signalcast/signalcast/internal/shape"

// KeyField is a dotted path into the data of one event type, compiled to an
// accessor: "enrollment.course.course_key". It ends in a plain value that is
// never null (string, integer, boolean, float, bytes, time, text type) and
// passes through nothing nullable, so that every event has a key.
//
// Keys with equal values of one path keep their events in order on a topic.
// A KeyField is immutable; equal paths of one registered signal have the same pointer.
type KeyField struct {
	key    *shape.Key
	schema *Schema
}

func newKeyField(data *shape.Type, path string) (*KeyField, error) {
	key, err := data.Key(path)
	if err != nil {
		return nil, err
	}
	return &KeyField{key, &Schema{Name: key.AvroType(), Text: key.Schema()}}, nil
}

// Path is the dotted path.
func (k *KeyField) Path() string { return k.key.Path() }

// KeyPaths returns every path that works as an event key of the signal, in the
// order of the data's fields; nil when the signal is not registered.
func (r *Registry) KeyPaths(eventType string) []string {
	e := r.lookup(eventType)
	if e == nil {
		return nil
	}
	return e.data.KeyPaths()
}
