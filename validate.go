package signalcast

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/signalcast/signalcast/internal/nearest"
	"github.com/signalcast/signalcast/internal/shape"
)

const unknownEventType = "unknown event type"

// Validate checks a complete, merged configuration against the signals of r:
// that every event type is registered, and that every topic has a name,
// enabled, and either an event_key_field that works for the event type's data
// or keyless: true. Disabled topics are checked too, so that enabling one later
// cannot fail. The error is a [*ValidationError] with every problem.
// An event type without topics is fine.
func (c ProducerConfig) Validate(r *Registry) error {
	var problems problemList
	if r == nil {
		problems.add(Problem{Found: "found a nil registry", Allowed: "allowed is the registry of the signals configured"})
		return problems.err()
	}
	for eventType, topics := range c {
		e := r.lookup(eventType)
		if e == nil {
			problem := Problem{Found: unknownEventType, Allowed: "allowed are the registered ones"}
			if problem.EventType = eventType; eventType == "" {
				problem.Found = "found an empty event type"
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

func (v topicValidator) fault(field, found, allowed string) {
	v.at.Field = field
	v.problems.add(Problem{ConfigPath: v.at, Found: found, Allowed: allowed})
}

// check checks one topic's settings; e is nil when the event type is unknown.
func (v topicValidator) check(t TopicConfig, e *entry) {
	if v.at.Topic == "" {
		v.fault("", "found an empty topic name", wantName)
	}
	if t.Enabled == nil {
		v.fault(fieldEnabled, "missing", "required is true or false")
	}
	keyless := t.Keyless != nil && *t.Keyless
	if t.EventKeyField == nil {
		if !keyless {
			v.fault(fieldKey, "missing", "required is a key path, or keyless: true for events without a key")
		}
		return
	}
	if keyless {
		v.fault(fieldKeyless, "found true beside event_key_field", "allowed is one of them")
	}
	switch path := *t.EventKeyField; {
	case path == "":
		v.fault(fieldKey, "found an empty path", "allowed is a key path; events without a key have keyless: true instead")
	case e != nil:
		if _, err := e.data.keyField(path); err != nil {
			v.keyFault(err)
		}
	}
}

func (v topicValidator) keyFault(err error) {
	v.at.Field = fieldKey
	problem := Problem{ConfigPath: v.at, Found: err.Error(), Allowed: "allowed is a key path of the event's data"}
	if bad, ok := errors.AsType[*shape.KeyError](err); ok {
		problem.Found, problem.Nearest = bad.Problem, bad.Nearest
		if i := strings.LastIndex(bad.Problem, "; "); i >= 0 {
			problem.Found, problem.Allowed = bad.Problem[:i], bad.Problem[i+2:]
		}
		problem.Found = fmt.Sprintf("path %q: %s", cut(bad.Path, maxShown), problem.Found)
	}
	problem.Found = cut(problem.Found, 3*maxShown)
	v.problems.add(problem)
}

// suggestEventTypes is last, and so for the problems listed only, since it
// compares each name with all registered ones.
func (e *ValidationError) suggestEventTypes(r *Registry) {
	known := maps.Keys(r.signals.Load().byEventType)
	for i := range e.Problems {
		if p := &e.Problems[i]; p.Found == unknownEventType {
			p.Nearest = nearest.Name(p.EventType, known)
		}
	}
}
