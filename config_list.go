package signalcast

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/signalcast/signalcast/internal/jsonpos"
)

// ConvertListConfig parses a configuration in the old form, which has a list of
// topics for each event type:
//
//	{"org.example.user.created.v1": [{"topic": "users", "event_key_field": "user.id", "enabled": true}]}
//
// In the old form a topic can appear twice. Equal entries become one; entries that
// differ are a fault that shows both. All other rules, and the error, are those of
// [ParseProducerConfig].
func ConvertListConfig(jsonText []byte) (ProducerConfig, error) {
	config := ProducerConfig{}
	r := newConfigReader("", jsonText)
	for list := range r.members(r.next(), &r.at.EventType, wantConfig) {
		topics := map[string]TopicConfig{}
		declared := map[string]Position{}
		for entry := range r.items(list) {
			topic, t := r.listEntry(entry)
			if topic == "" {
				continue // reported by listEntry
			}
			here := Position(entry.Position)
			first, again := declared[topic]
			if !again {
				topics[topic], declared[topic] = t, here
			} else if !reflect.DeepEqual(t, topics[topic]) {
				r.at.Topic = topic
				r.fault(CodeConflict, here, fmt.Sprintf("found %s, but at line %d, column %d %s",
					t.describe(), first.Line, first.Column, topics[topic].describe()), "equal entries for a topic")
				r.at.Topic = ""
			}
		}
		config[r.at.EventType] = topics
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return config, nil
}

// items yields the first token of each item of the list that starts at start.
func (r *configReader) items(start jsonpos.Token) iter.Seq[jsonpos.Token] {
	return func(yield func(jsonpos.Token) bool) {
		if start.Kind != jsonpos.ArrayStart {
			want := "a list of topics"
			if start.Kind == jsonpos.ObjectStart {
				want += " (an object of topics needs no conversion)"
			}
			r.wrongType(start, want)
			return
		}
		for item := r.next(); item.Kind != jsonpos.ArrayEnd && item.Kind != jsonpos.End; item = r.next() {
			if !yield(item) {
				return
			}
		}
	}
}

// listEntry reads one entry of the list at r.at. The topic is empty if the
// entry has no valid one.
func (r *configReader) listEntry(entry jsonpos.Token) (topic string, t TopicConfig) {
	const fieldTopic = "topic"
	named := entry.Kind != jsonpos.ObjectStart
	for value := range r.members(entry, &r.at.Field, wantTopic) {
		if r.at.Field != fieldTopic {
			r.setting(&t, []string{fieldTopic, fieldKey, fieldEnabled}, value)
			continue
		}
		named = true
		switch {
		case value.Kind != jsonpos.String:
			r.wrongType(value, "a string")
		case value.Text == "":
			r.fault(CodeEmptyName, Position(value.Position), "found an empty name", wantName)
		default:
			r.checkText(value)
			topic = value.Text
		}
	}
	if !named && r.json.Err() == nil {
		r.at.Field = fieldTopic
		r.fault(CodeMissing, Position(entry.Position), "missing", "the topic of the entry")
		r.at.Field = ""
	}
	return topic, t
}

// describe returns the settings of the old form for a message.
func (t TopicConfig) describe() string {
	key, enabled := "no event_key_field", "no enabled"
	if t.EventKeyField != nil {
		key = fmt.Sprintf("event_key_field %q", shorten(*t.EventKeyField, maxShown))
	}
	if t.Enabled != nil {
		enabled = fmt.Sprintf("enabled %t", *t.Enabled)
	}
	return key + " and " + enabled
}
