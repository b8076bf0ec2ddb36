package signalcast

import "encoding/json"

// MaxConfigBytes is the largest text that the parsers of configurations take: 16 MiB.
const MaxConfigBytes = 16 << 20

// ProducerConfig says which events leave the process: event type → topic → settings.
// It is the setting EVENT_BUS_PRODUCER_CONFIG of the Open edX event bus.
//
// Topics are named without the prefix, see [WithTopicPrefix].
// A ProducerConfig is a plain map: not safe for changes during use. Functions
// of this package neither change nor keep the ones they are given.
type ProducerConfig map[string]map[string]TopicConfig

// TopicConfig holds the settings of one event type for one topic. Nil means
// "inherit" when configurations are merged and "missing" when they are validated.
type TopicConfig struct {
	// EventKeyField is the dotted path of the event key in the event's data:
	// "enrollment.course.course_key". Events with equal keys keep their order.
	EventKeyField *string `json:"event_key_field,omitempty"`
	// Enabled says whether events go to this topic.
	Enabled *bool `json:"enabled,omitempty"`
	// Keyless true says that events have no key there, which an empty
	// EventKeyField never says. EventKeyField and Keyless answer one question:
	// in a merge, a layer that gives either replaces both.
	Keyless *bool `json:"keyless,omitempty"`
}

// The names of the settings in every text form.
const (
	fieldKey     = "event_key_field"
	fieldEnabled = "enabled"
	fieldKeyless = "keyless"
)

func topicFields() []string { return []string{fieldKey, fieldEnabled, fieldKeyless} }

// MarshalJSON writes the form that [ParseProducerConfig] reads. Nil maps are
// written as empty objects, settings that are nil are left out.
func (c ProducerConfig) MarshalJSON() ([]byte, error) {
	type plain map[string]map[string]TopicConfig
	return json.Marshal(plain(MergeProducerConfigs(c))) //nolint:wrapcheck // nothing in it can fail
}

// UnmarshalJSON replaces c with what [ParseProducerConfig] makes of the text.
// Positions in errors count from the start of the object itself. On an error c
// is unchanged.
func (c *ProducerConfig) UnmarshalJSON(text []byte) error {
	parsed, err := ParseProducerConfig(text)
	if err == nil {
		*c = parsed
	}
	return err
}

// ConfigPath names one place of a [ProducerConfig]: an event type, one of its
// topics, or one of a topic's settings by its name in JSON. What lies deeper
// than the place is empty.
type ConfigPath struct {
	EventType, Topic, Field string
}

// String joins the names with arrows: "org.example.user.created.v1 → users → enabled".
// Names with unusual characters are quoted, long ones cut.
func (p ConfigPath) String() string {
	text := ""
	for _, name := range []string{p.EventType, p.Topic, p.Field} {
		switch {
		case name == "":
		case text == "":
			text = display(name)
		default:
			text += " → " + display(name)
		}
	}
	return text
}

// Position is a place in a text. Lines and columns count from 1, columns in
// characters. Zero means unknown.
type Position struct {
	Line, Column int
}
