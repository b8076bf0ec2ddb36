package signalcast

import (
	"fmt"
	"iter"

	"github.com/signalcast/signalcast/internal/jsonpos"
)

// ParseProducerConfig reads a configuration from JSON:
//
//	{"org.example.user.created.v1": {"users": {"event_key_field": "user.id", "enabled": true}}}
//
// It is strict: unknown and repeated names, wrong types, empty names, text that
// is not Unicode and anything after the object are refused. A null setting is
// as good as none; null in place of an object is refused. The error is a
// [*ValidationError] with every fault and its position; a fault of JSON syntax
// is the last one. Neither completeness nor names of event types and key fields
// are checked, see [ProducerConfig.Validate].
func ParseProducerConfig(jsonText []byte) (ProducerConfig, error) {
	layer, err := ParseLayer("", jsonText)
	return layer.Config, err
}

// ParseLayer is [ParseProducerConfig] for one layer of a merge, mostly a file:
// problems carry its name, and the layer remembers the position of every setting.
func ParseLayer(name string, jsonText []byte) (Layer, error) {
	layer := Layer{Name: name, Config: ProducerConfig{}, Positions: map[ConfigPath]Position{}}
	r := newConfigReader(name, jsonText)
	for topics := range r.members(r.next(), &r.at.EventType, wantConfig) {
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
	if err := r.end(); err != nil {
		return Layer{}, err
	}
	return layer, nil
}

// configReader reads a JSON text, one token after the other.
type configReader struct {
	configRules
	json    *jsonpos.Reader
	namePos Position // of the name that ends configRules.at
}

func newConfigReader(source string, text []byte) *configReader {
	r := &configReader{configRules: configRules{source: source}}
	if len(text) > MaxConfigBytes {
		r.fault(Position{}, fmt.Sprintf("found a text of %d bytes", len(text)), fmt.Sprintf("allowed are %d", MaxConfigBytes))
		text = []byte("{}") // no further faults
	}
	r.json = jsonpos.NewReader(text)
	return r
}

func (r *configReader) next() jsonpos.Token { return r.json.Next() }

// members yields the first token of each member's value in the object that
// start begins, with the member's name in *level, a part of r.at. The loop's
// body reads the value to its end. Anything but an object is a fault.
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
				r.fault(r.namePos, "found an empty name", wantName)
				r.json.Skip(value)
				continue
			}
			r.checkText(name)
			if first, again := seen[name.Text]; again {
				r.fault(r.namePos, fmt.Sprintf("given again after line %d, column %d", first.Line, first.Column), "allowed is once")
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
		r.fault(Position(t.Position), "found "+t.Fault, wantUnicode)
	}
}

func (r *configReader) wrongType(value jsonpos.Token, want string) {
	if value.Kind != jsonpos.End { // which end reports
		r.fault(Position(value.Position), "found "+value.Kind.String(), want)
	}
	r.json.Skip(value)
}

// end reads to the end of the text and returns all faults.
func (r *configReader) end() error {
	r.next()
	if err := r.json.Err(); err != nil {
		r.fault(Position(err.Position), "found "+err.Found, "allowed is "+err.Allowed)
	}
	return r.problems.err()
}
