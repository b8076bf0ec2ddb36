package signalcast

import "fmt"

// Sample returns event data of an event type as JSON that SendJSON accepts: for docs, for
// [Dispatcher.Plan] and for trials. Every field has a value. Texts and times are fixed,
// except for types with a method
//
//	Sample() string
//
// whose result must be valid for the type. The error is an [*EncodeError] if a type
// rejects its sample, which a type with a method Validate and no method Sample may do.
func (r *Registry) Sample(eventType string) ([]byte, error) {
	e, err := r.named(eventType)
	if err != nil {
		return nil, err
	}
	sample := e.data.Sample()
	data, err := e.def.decode(e, sample)
	if err != nil {
		return nil, fmt.Errorf("sample: %w", err)
	}
	if _, err := e.data.AppendJSON(nil, data.ref); err != nil {
		return nil, fmt.Errorf("sample: %w", data.encodeError(err))
	}
	return sample, nil
}
