package signalcast

import "maps"

// MergeProducerConfigs lays configurations over one another: of each setting of
// each topic the last one given holds. Event types and topics are added, never
// removed; enabled: false switches a topic off. EventKeyField and Keyless are
// replaced together, as the two answers to one question.
//
// It is a pure function: the inputs are unchanged and share no memory with the
// result, which is never nil, nor are its maps. Merging is associative.
func MergeProducerConfigs(base ProducerConfig, overrides ...ProducerConfig) ProducerConfig {
	merged := make(ProducerConfig, len(base))
	merged.overlay(base)
	for _, c := range overrides {
		merged.overlay(c)
	}
	return merged
}

// overlay lays c over merged, which owns all of its memory.
func (merged ProducerConfig) overlay(c ProducerConfig) {
	for eventType, topics := range c {
		into := merged[eventType]
		if into == nil {
			into = make(map[string]TopicConfig, len(topics))
			merged[eventType] = into
		}
		for topic, t := range topics {
			was, known := into[topic]
			if is := was.overlaid(t); !known || is != was {
				into[topic] = is
			}
		}
	}
}

// overlaid returns t, which owns its settings, with those of over.
func (t TopicConfig) overlaid(over TopicConfig) TopicConfig {
	if over.EventKeyField != nil || over.Keyless != nil {
		t.EventKeyField, t.Keyless = written(t.EventKeyField, over.EventKeyField), written(t.Keyless, over.Keyless)
	}
	if over.Enabled != nil {
		t.Enabled = written(t.Enabled, over.Enabled)
	}
	return t
}

// written returns a pointer to a copy of *from, at the place of into if there is one.
func written[T any](into, from *T) *T {
	switch {
	case from == nil:
		return nil
	case into == nil:
		return new(*from)
	default:
		*into = *from
		return into
	}
}

// Layer is one of several configurations to be merged, with a name.
type Layer struct {
	// Name says where the configuration is from, in problems and origins: a
	// file name, "environment".
	Name string
	// Config is the configuration.
	Config ProducerConfig
	// Positions says where in the text of the layer its event types, topics
	// and settings stand. [ParseLayer] fills it. It may be nil or have gaps.
	Positions map[ConfigPath]Position
}

// MergeLayers is [MergeProducerConfigs] for layers, the first one being the
// base. The provenance remembers which layer gave each value. Both results
// share no memory with the layers.
func MergeLayers(layers ...Layer) (ProducerConfig, *Provenance) {
	merged := ProducerConfig{}
	p := &Provenance{layers: make([]Layer, len(layers))}
	for i, l := range layers {
		merged.overlay(l.Config)
		p.layers[i] = Layer{l.Name, MergeProducerConfigs(l.Config), maps.Clone(l.Positions)}
	}
	return merged, p
}
