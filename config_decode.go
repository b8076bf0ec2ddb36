package signalcast

import (
	"iter"
	"unicode/utf8"
)

// DecodeProducerConfig reads a configuration from the tree that a decoder of
// YAML, TOML or another language returns. Objects are map[string]any, or
// map[any]any with string keys. The rules are those of
// [ParseProducerConfig], but problems have no position. A nil tree is empty.
// The result shares no memory with the tree.
func DecodeProducerConfig(tree map[string]any) (ProducerConfig, error) {
	config := ProducerConfig{}
	r := configDecoder{}
	for topics := range r.members(tree, &r.at.EventType, wantConfig) {
		if r.at.EventType == schemaMember {
			if _, ok := topics.(string); !ok {
				r.fault(CodeWrongType, Position{}, "found "+kindOf(topics), wantSchema)
			}
			continue
		}
		config[r.at.EventType] = map[string]TopicConfig{}
		want := wantTopics
		if _, list := topics.([]any); list {
			want += wantOldForm
		}
		for settings := range r.members(topics, &r.at.Topic, want) {
			var t TopicConfig
			for value := range r.members(settings, &r.at.Field, wantTopic) {
				if text, ok := value.(string); ok {
					r.checkText(text)
				}
				r.set(&t, topicFields(), Position{}, Position{}, value)
			}
			config[r.at.EventType][r.at.Topic] = t
		}
	}
	if err := r.problems.err(); err != nil {
		return nil, err
	}
	return config, nil
}

// configDecoder reads a tree.
type configDecoder struct{ configRules }

// members yields the value of each member of an object, as configReader.members does.
func (r *configDecoder) members(value any, level *string, want string) iter.Seq[any] {
	return func(yield func(any) bool) {
		defer func() { *level = "" }()
		member := func(name string, value any) bool {
			*level = name
			if name == "" {
				r.fault(CodeEmptyName, Position{}, "found an empty name", wantName)
				return true
			}
			r.checkText(name)
			return yield(value)
		}
		switch object := value.(type) {
		case map[string]any:
			for name, value := range object {
				if !member(name, value) {
					return
				}
			}
		case map[any]any:
			for key, value := range object {
				name, ok := key.(string)
				if !ok {
					*level = ""
					r.fault(CodeWrongType, Position{}, "found "+kindOf(key)+" as a name", "a string")
					continue
				}
				if !member(name, value) {
					return
				}
			}
		default:
			r.fault(CodeWrongType, Position{}, "found "+kindOf(value), want)
		}
	}
}

func (r *configDecoder) checkText(text string) {
	if !utf8.ValidString(text) {
		r.fault(CodeInvalidText, Position{}, "found invalid UTF-8", wantUnicode)
	}
}
