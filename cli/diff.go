package cli

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/signalcast/signalcast"
)

func (s *session) diff() *cobra.Command {
	exitCode := false
	command := s.withAction(&cobra.Command{
		Use:   "diff [--exit-code] OLD NEW",
		Short: "Show the differences between two configurations for published events",
		Long: `Show the differences between two configurations for published events.

  start   NEW publishes the event type to a topic, OLD does not
  stop    OLD publishes the event type to a topic, NEW does not
  move    NEW publishes the event type to another topic
  key     the event key changes, so that events with equal keys may be handled
          out of order
  mode    the mode changes

Topics that are disabled in both are not compared. OLD and NEW are one CONFIG
each; merge joins several into one. "key missing" means that a topic has neither
event_key_field nor keyless: true.`,
		Example:           "  " + s.Name + " diff --exit-code running.json next.json",
		Args:              arguments(2, 2, "OLD and NEW, one CONFIG each"),
		ValidArgsFunction: completeConfigs,
	}, func(_ context.Context, args []string) error {
		before, err := s.load(nil, args[:1])
		if err != nil {
			return err
		}
		after, err := s.load(nil, args[1:])
		if err != nil {
			return err
		}
		changes := compare(before.Merged, after.Merged)
		if s.format == formatJSON {
			if err := writeJSON(s, changes); err != nil {
				return err
			}
		} else {
			s.writeChanges(changes)
		}
		if exitCode && len(changes) > 0 {
			return errProblems
		}
		return nil
	})
	command.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 1 if there is a difference")
	return command
}

// change is one difference for the events of one type.
type change struct {
	Change    string `json:"change"` // start, stop, move, key or mode
	EventType string `json:"event_type"`
	Topic     string `json:"topic"` // for a move, the old one
	NewTopic  string `json:"new_topic,omitempty"`
	Key       string `json:"key,omitempty"` // the old one, except for a start; empty if keyless or missing
	NewKey    string `json:"new_key,omitempty"`
	Missing   bool   `json:"key_missing,omitempty"` // NEW has neither event_key_field nor keyless
	Mode      string `json:"mode,omitempty"`        // for a change of the mode, the old one; empty for the default
	NewMode   string `json:"new_mode,omitempty"`
}

// The kinds of changes.
const (
	changeStart = "start"
	changeStop  = "stop"
	changeMove  = "move"
	changeKey   = "key"
	changeMode  = "mode"
)

// compare returns the differences, sorted by event type and topic. One stopped and one started
// topic of an event type are a move.
func compare(before, after signalcast.ProducerConfig) []change {
	changes := []change{}
	for _, eventType := range sorted(signalcast.MergeProducerConfigs(before, after)) {
		was, is := enabledTopics(before[eventType]), enabledTopics(after[eventType])
		for _, topic := range sorted(was) {
			old, now := modeOf(before[eventType][topic]), modeOf(after[eventType][topic])
			if _, still := is[topic]; still && old != now {
				changes = append(changes, change{Change: changeMode, EventType: eventType, Topic: topic, Mode: old, NewMode: now})
			}
		}
		var stopped, started []string
		for _, topic := range sorted(was) {
			if key, still := is[topic]; !still {
				stopped = append(stopped, topic)
			} else if key != was[topic] {
				changes = append(changes, newChange(changeKey, eventType, topic, "", was[topic], key))
			}
		}
		for _, topic := range sorted(is) {
			if _, already := was[topic]; !already {
				started = append(started, topic)
			}
		}
		if len(stopped) == 1 && len(started) == 1 {
			changes = append(changes, newChange(changeMove, eventType, stopped[0], started[0], was[stopped[0]], is[started[0]]))
			continue
		}
		for _, topic := range stopped {
			changes = append(changes, change{Change: changeStop, EventType: eventType, Topic: topic, Key: was[topic].path})
		}
		for _, topic := range started {
			changes = append(changes, change{Change: changeStart, EventType: eventType, Topic: topic, Key: is[topic].path, Missing: is[topic].missing})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Topic, b.Topic))
	})
	return changes
}

// topicKey is the event key of a topic.
type topicKey struct {
	path    string // empty if keyless or missing
	missing bool   // neither event_key_field nor keyless
}

func newChange(kind, eventType, topic, newTopic string, was, is topicKey) change {
	return change{Change: kind, EventType: eventType, Topic: topic, NewTopic: newTopic, Key: was.path, NewKey: is.path, Missing: is.missing}
}

// modeOf returns the mode of a topic, or an empty text for the default.
func modeOf(t signalcast.TopicConfig) string {
	if t.Mode == nil {
		return ""
	}
	return string(*t.Mode)
}

// enabledTopics returns the key of every enabled topic.
func enabledTopics(topics map[string]signalcast.TopicConfig) map[string]topicKey {
	enabled := map[string]topicKey{}
	for topic, t := range topics {
		switch {
		case !isTrue(t.Enabled):
		case t.EventKeyField != nil:
			enabled[topic] = topicKey{path: *t.EventKeyField}
		default:
			enabled[topic] = topicKey{missing: !isTrue(t.Keyless)}
		}
	}
	return enabled
}

func (s *session) writeChanges(changes []change) {
	key := func(path string, missing bool) string {
		switch {
		case missing:
			return "key missing"
		case path == "":
			return "keyless"
		default:
			return "key " + path
		}
	}
	for _, c := range changes {
		switch c.Change {
		case changeStart:
			s.printf("%s  %s → %s (%s)\n", s.paint(green, "start"), c.EventType, c.Topic, key(c.Key, c.Missing))
		case changeStop:
			s.printf("%s   %s → %s\n", s.paint(red, "stop"), c.EventType, c.Topic)
		case changeMove:
			s.printf("%s   %s: from %s to %s (%s)\n", s.paint(yellow, "move"), c.EventType, c.Topic, c.NewTopic, key(c.NewKey, c.Missing))
		case changeMode:
			s.printf("%s   %s → %s: from %s to %s\n", s.paint(yellow, "mode"), c.EventType, c.Topic, cmp.Or(c.Mode, "the default"), cmp.Or(c.NewMode, "the default"))
		}
		if c.Change == changeKey || c.Change == changeMove && c.Key != c.NewKey {
			topic := c.Topic
			if c.NewTopic != "" {
				topic = c.NewTopic
			}
			s.printf("%s    %s → %s: from %s to %s; events with equal keys may be handled out of order\n", s.paint(yellow, "key"), c.EventType, topic, key(c.Key, false), key(c.NewKey, c.Missing))
		}
	}
	if len(changes) == 0 {
		s.printf("no difference\n")
	}
}
