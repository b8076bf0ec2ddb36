package signalcast

import "maps"

// MergeProducerConfigs merges configurations: for each setting of each topic, the last
// configuration that sets it decides. Event types and topics are added, never removed;
// enabled: false stops a topic. EventKeyField and Keyless are replaced together.
//
// MergeProducerConfigs is a pure function: it neither changes its arguments nor shares memory with
// them. The result and its maps are never nil. Merging is associative.
func MergeProducerConfigs(base ProducerConfig, overrides ...ProducerConfig) ProducerConfig {
	merged := make(ProducerConfig, len(base))
	merged.overlay(base)
	for _, c := range overrides {
		merged.overlay(c)
	}
	return merged
}

// overlay merges c into merged, which owns all of its memory.
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

// overlaid returns t, which owns its settings, with the settings of over.
func (t TopicConfig) overlaid(over TopicConfig) TopicConfig {
	if over.EventKeyField != nil || over.Keyless != nil {
		t.EventKeyField, t.Keyless = written(t.EventKeyField, over.EventKeyField), written(t.Keyless, over.Keyless)
	}
	if over.Enabled != nil {
		t.Enabled = written(t.Enabled, over.Enabled)
	}
	if over.Mode != nil {
		t.Mode = written(t.Mode, over.Mode)
	}
	return t
}

// written returns a pointer to a copy of *from. It reuses into, if it is not nil.
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

// Layer is one of several configurations to merge, with a name.
type Layer struct {
	// Name identifies the layer in problems and settings: a file name, or "environment".
	Name string
	// Config is the configuration.
	Config ProducerConfig
	// Positions are the places of event types, topics and settings in the text of the
	// layer. [ParseLayer] sets it. It may be nil or incomplete.
	Positions map[ConfigPath]Position
}

// MergeLayers is [MergeProducerConfigs] for layers. The first layer is the base. The
// provenance tells which layer set each value. The results share no memory with the
// layers.
func MergeLayers(layers ...Layer) (ProducerConfig, *Provenance) {
	merged := ProducerConfig{}
	p := &Provenance{layers: make([]Layer, len(layers))}
	for i, l := range layers {
		merged.overlay(l.Config)
		p.layers[i] = Layer{l.Name, MergeProducerConfigs(l.Config), maps.Clone(l.Positions)}
	}
	return merged, p
}
