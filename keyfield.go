package signalcast

import "github.com/signalcast/signalcast/internal/shape"

// KeyField reads the event key from the data of one event type. It is compiled from a key
// path: a dotted path of wire names such as "enrollment.course.course_key". The
// path ends in a scalar that is never null (string, integer, boolean, float, bytes,
// time, or a type with a text form). No nullable field is on the way, so every event
// has a key.
//
// Events with equal keys of one path keep their order on a topic. A KeyField is
// immutable and safe for concurrent use. Equal paths of one registered signal have
// the same pointer.
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

// Path returns the key path.
func (k *KeyField) Path() string { return k.key.Path() }

// Value returns a copy of the key in data, with the Go type of the field. data
// must be of the event type that k was compiled for. It is for codecs.
func (k *KeyField) Value(data Data) any { return k.key.Value(data.ref) }

// KeyPaths returns every key path of the event type, in the order of the
// data's fields. It returns nil if the signal is not registered.
func (r *Registry) KeyPaths(eventType string) []string {
	e := r.lookup(eventType)
	if e == nil {
		return nil
	}
	return e.data.KeyPaths()
}
