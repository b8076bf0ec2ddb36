package signalcast

import "encoding/json"

// MaxConfigBytes is the largest JSON text of a configuration: 16 MiB.
const MaxConfigBytes = 16 << 20

// ProducerConfig says which events leave the process: event type → topic → settings. The
// Open edX event bus calls it EVENT_BUS_PRODUCER_CONFIG.
//
// Topics are without the prefix. See [WithTopicPrefix]. A ProducerConfig is a plain map
// and must not be changed while it is used. The functions of this package neither
// change nor keep their arguments.
type ProducerConfig map[string]map[string]TopicConfig

// TopicConfig holds the settings of one event type for one topic. Nil means "inherit" in
// a merge and "missing" in a validation.
type TopicConfig struct {
	// EventKeyField is the key path, such as "enrollment.course.course_key". Events with
	// equal keys keep their order.
	EventKeyField *string `json:"event_key_field,omitempty"`
	// Enabled says whether events are published to this topic.
	Enabled *bool `json:"enabled,omitempty"`
	// Keyless true means that messages have no key. An empty EventKeyField is an error.
	// In a merge, a layer that sets EventKeyField or Keyless replaces both.
	Keyless *bool `json:"keyless,omitempty"`
	// Mode says when messages are published, relative to the transaction of a [Unit].
	// Nil means the dispatcher's default. See [WithDefaultMode].
	Mode *Mode `json:"mode,omitempty"`
}

// The names of the settings in every text form.
const (
	fieldKey     = "event_key_field"
	fieldEnabled = "enabled"
	fieldKeyless = "keyless"
	fieldMode    = "mode"
)

func topicFields() []string { return []string{fieldKey, fieldEnabled, fieldKeyless, fieldMode} }

// MarshalJSON writes the form that [ParseProducerConfig] parses. It writes nil maps as
// empty objects and leaves out nil settings.
func (c ProducerConfig) MarshalJSON() ([]byte, error) {
	type plain map[string]map[string]TopicConfig
	return json.Marshal(plain(MergeProducerConfigs(c))) //nolint:wrapcheck // nothing in it can fail
}

// UnmarshalJSON replaces c by the result of [ParseProducerConfig]. Positions in errors
// count from the start of the object. On an error, c is unchanged.
func (c *ProducerConfig) UnmarshalJSON(text []byte) error {
	parsed, err := ParseProducerConfig(text)
	if err == nil {
		*c = parsed
	}
	return err
}

// ConfigPath is a place in a [ProducerConfig]: an event type, a topic, or a setting by its name
// in JSON. Deeper fields are empty.
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
