package signalcast

import (
	"fmt"
	"iter"

	"github.com/signalcast/signalcast/internal/jsonpos"
)

// ParseProducerConfig parses a configuration in JSON:
//
//	{"org.example.user.created.v1": {"users": {"event_key_field": "user.id", "enabled": true}}}
//
// A member "$schema", which editors use to complete the text, is ignored.
//
// Parsing is strict. Unknown fields, duplicate keys, wrong types, empty names, text
// that is not Unicode and text after the object are errors. A null setting counts as
// absent; null in place of an object is an error. The error is a
// [*ValidationError] with every fault and its position. A fault of JSON syntax
// ends parsing, so it is the last one. [ProducerConfig.Validate] checks
// completeness, event types and key paths.
func ParseProducerConfig(jsonText []byte) (ProducerConfig, error) {
	layer, err := ParseLayer("", jsonText)
	if err != nil {
		return nil, err
	}
	return layer.Config, nil
}

// ParseLayer parses the configuration of one layer of a merge, usually a file, as
// [ParseProducerConfig] does. Problems carry the layer's name, and the layer
// keeps the position of every setting.
//
// If there are faults, ParseLayer returns the valid rest of the configuration beside the
// error, so that a caller can check it together with other layers.
func ParseLayer(name string, jsonText []byte) (Layer, error) {
	layer := Layer{Name: name, Config: ProducerConfig{}, Positions: map[ConfigPath]Position{}}
	r := newConfigReader(name, jsonText)
	for topics := range r.members(r.next(), &r.at.EventType, wantConfig) {
		if r.at.EventType == schemaMember {
			if topics.Kind != jsonpos.String {
				r.wrongType(topics, wantSchema)
			}
			continue
		}
		layer.Config[r.at.EventType] = map[string]TopicConfig{}
		layer.Positions[r.at] = r.namePos
		want := wantTopics
		if topics.Kind == jsonpos.ArrayStart {
			want += wantOldForm
		}
		for settings := range r.members(topics, &r.at.Topic, want) {
			var t TopicConfig
			layer.Positions[r.at] = r.namePos
			for value := range r.members(settings, &r.at.Field, wantTopic) {
				layer.Positions[r.at] = r.namePos
				r.setting(&t, topicFields(), value)
			}
			layer.Config[r.at.EventType][r.at.Topic] = t
		}
	}
	return layer, r.end()
}

// configReader reads a JSON text token by token.
type configReader struct {
	configRules
	json    *jsonpos.Reader
	namePos Position // of the last name in configRules.at
}

func newConfigReader(layer string, text []byte) *configReader {
	r := &configReader{configRules: configRules{layer: layer}}
	if len(text) > MaxConfigBytes {
		r.fault(CodeTooLarge, Position{}, fmt.Sprintf("found a text of %d bytes", len(text)), fmt.Sprintf("at most %d", MaxConfigBytes))
		text = []byte("{}") // no further faults
	}
	r.json = jsonpos.NewReader(text)
	return r
}

func (r *configReader) next() jsonpos.Token { return r.json.Next() }

// members yields the first token of the value of each member of the object that
// starts at start. It sets *level, a part of r.at, to the name of the member. The body
// of the loop reads the value to its end. A value that is not an object is a fault.
func (r *configReader) members(start jsonpos.Token, level *string, want string) iter.Seq[jsonpos.Token] {
	return func(yield func(jsonpos.Token) bool) {
		if start.Kind != jsonpos.ObjectStart {
			r.wrongType(start, want)
			return
		}
		defer func() { *level = "" }()
		seen := map[string]Position{}
		for name := r.next(); name.Kind == jsonpos.Name; name = r.next() {
			*level, r.namePos = name.Text, Position(name.Position)
			value := r.next()
			if name.Text == "" {
				r.fault(CodeEmptyName, r.namePos, "found an empty name", wantName)
				r.json.Skip(value)
				continue
			}
			r.checkText(name)
			if first, again := seen[name.Text]; again {
				r.fault(CodeDuplicateKey, r.namePos, fmt.Sprintf("duplicate key; first set at line %d, column %d", first.Line, first.Column), "")
			} else {
				seen[name.Text] = r.namePos
			}
			if !yield(value) {
				return
			}
		}
	}
}

// setting reads the value of the setting at r.at.
func (r *configReader) setting(t *TopicConfig, fields []string, value jsonpos.Token) {
	var v any
	switch value.Kind {
	case jsonpos.String:
		r.checkText(value)
		v = value.Text
	case jsonpos.Bool:
		v = value.Text == "true"
	case jsonpos.Null:
	case jsonpos.End: // reported by end
		return
	default:
		v = value.Kind
	}
	r.set(t, fields, r.namePos, Position(value.Position), v)
	r.json.Skip(value)
}

func (r *configReader) checkText(t jsonpos.Token) {
	if t.Fault != "" {
		r.fault(CodeInvalidText, Position(t.Position), "found "+t.Fault, wantUnicode)
	}
}

func (r *configReader) wrongType(value jsonpos.Token, want string) {
	if value.Kind != jsonpos.End { // reported by end
		r.fault(CodeWrongType, Position(value.Position), "found "+value.Kind.String(), want)
	}
	r.json.Skip(value)
}

// end reads to the end of the text and returns all faults.
func (r *configReader) end() error {
	r.next()
	if err := r.json.Err(); err != nil {
		r.fault(CodeSyntax, Position(err.Position), "found "+err.Found, err.Want)
	}
	return r.problems.err()
}
