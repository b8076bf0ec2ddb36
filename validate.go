package signalcast

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/signalcast/signalcast/internal/nearest"
	"github.com/signalcast/signalcast/internal/shape"
)

// Validate checks a complete, merged configuration against the signals of r. Every
// event type must be registered. Every topic must have a name, enabled, and
// either an event_key_field that is a key path of the event type's data or
// keyless: true. A mode, if it is set, must exist. Disabled topics are checked too, so that enabling one later
// cannot fail. An event type without topics is valid. The error is a
// [*ValidationError] with every problem.
func (c ProducerConfig) Validate(r *Registry) error {
	var problems problemList
	if r == nil {
		problems.add(Problem{Code: CodeMissing, Found: "found a nil registry", Want: "the registry of the configured signals"})
		return problems.err()
	}
	for eventType, topics := range c {
		e := r.lookup(eventType)
		if e == nil {
			problem := Problem{Code: CodeUnknownEventType, Found: "unknown event type", Want: "a registered one"}
			if problem.EventType = eventType; eventType == "" {
				problem.Code, problem.Found = CodeEmptyName, "found an empty event type"
			}
			problems.add(problem)
		}
		for topic, t := range topics {
			topicValidator{&problems, ConfigPath{EventType: eventType, Topic: topic}}.check(t, e)
		}
	}
	err := problems.err()
	if invalid, ok := errors.AsType[*ValidationError](err); ok {
		invalid.suggestEventTypes(r)
	}
	return err
}

type topicValidator struct {
	problems *problemList
	at       ConfigPath
}

func (v topicValidator) fault(code ProblemCode, field, found, want string) {
	v.at.Field = field
	v.problems.add(Problem{Code: code, ConfigPath: v.at, Found: found, Want: want})
}

// check checks the settings of one topic. e is nil if the event type is unknown.
func (v topicValidator) check(t TopicConfig, e *entry) {
	if v.at.Topic == "" {
		v.fault(CodeEmptyName, "", "found an empty topic name", wantName)
	}
	if t.Enabled == nil {
		v.fault(CodeMissing, fieldEnabled, "missing", "true or false")
	}
	if t.Mode != nil && !t.Mode.valid() {
		v.at.Field = fieldMode
		v.problems.add(Problem{
			Code: CodeUnknownMode, ConfigPath: v.at, Found: "found " + display(string(*t.Mode)), Want: oneOf(modeNames()),
			Nearest: nearest.Name(string(*t.Mode), slices.Values(modeNames())),
		})
	}
	keyless := t.Keyless != nil && *t.Keyless
	if t.EventKeyField == nil {
		if !keyless {
			v.fault(CodeMissing, fieldKey, "missing", "a key path, or keyless: true for events without a key")
		}
		return
	}
	if keyless {
		v.fault(CodeConflict, fieldKeyless, "found true beside event_key_field", "one of the two")
	}
	switch path := *t.EventKeyField; {
	case path == "":
		v.fault(CodeKeyPath, fieldKey, "found an empty path", "a key path, or keyless: true for events without a key")
	case e != nil:
		if _, err := e.data.keyField(path); err != nil {
			v.keyFault(err)
		}
	}
}

func (v topicValidator) keyFault(err error) {
	v.at.Field = fieldKey
	problem := Problem{Code: CodeKeyPath, ConfigPath: v.at, Found: err.Error(), Want: "a key path of the event's data"}
	if bad, ok := errors.AsType[*shape.KeyError](err); ok {
		problem.Found = fmt.Sprintf("key path %q: %s", shorten(bad.Path, maxShown), bad.Found)
		problem.Want, problem.Nearest = bad.Want, bad.Nearest
	}
	problem.Found = shorten(problem.Found, 3*maxShown)
	v.problems.add(problem)
}

// suggestEventTypes sets Nearest of unknown event types. It compares each name with all
// registered ones, so it runs last, for the listed problems only.
func (e *ValidationError) suggestEventTypes(r *Registry) {
	known := maps.Keys(r.signals.Load().byEventType)
	for i := range e.Problems {
		if p := &e.Problems[i]; p.Code == CodeUnknownEventType {
			p.Nearest = nearest.Name(p.EventType, known)
		}
	}
}
