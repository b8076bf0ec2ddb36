package backendkit

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// Troubles knows the topics that a backend cannot deliver to at present. It logs each one at
// level WARN when delivery begins to fail, with the cause, and at INFO when delivery works
// again. A Troubles is safe for concurrent use.
type Troubles struct {
	log *Log

	mu      sync.Mutex
	failing map[string][]*Attempts // by topic, in the order of the first failure
}

// Attempts are the attempts of one goroutine to deliver messages to a topic. They are not safe
// for concurrent use. Several can be for the same topic, such as one for each partition.
type Attempts struct {
	troubles *Troubles
	topic    string
	failing  bool
	since    time.Time
	err      error // guarded by Troubles.mu, as since
}

// NewTroubles returns a Troubles that logs to log.
func NewTroubles(log *Log) *Troubles {
	return &Troubles{log: log, failing: map[string][]*Attempts{}}
}

// Log returns the log given to NewTroubles.
func (t *Troubles) Log() *Log { return t.log }

// To returns Attempts for a topic. An empty topic means all topics of the backend.
func (t *Troubles) To(topic string) *Attempts { return &Attempts{troubles: t, topic: topic} }

// List returns one trouble for each topic that is failing, sorted by topic. It is what the
// optional method Troubles of a [signalcast.Backend] returns.
func (t *Troubles) List() []signalcast.Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := make([]signalcast.Trouble, 0, len(t.failing))
	for topic, attempts := range t.failing {
		list = append(list, signalcast.Trouble{Topic: topic, Since: attempts[0].since, Err: attempts[len(attempts)-1].err})
	}
	slices.SortFunc(list, func(a, b signalcast.Trouble) int { return cmp.Compare(a.Topic, b.Topic) })
	return list
}

// Failed reports that an attempt failed and will be repeated. err must not contain event data.
func (a *Attempts) Failed(err error) {
	t := a.troubles
	t.mu.Lock()
	a.err = err
	first := false
	if !a.failing {
		a.failing, a.since = true, time.Now()
		first = len(t.failing[a.topic]) == 0
		t.failing[a.topic] = append(t.failing[a.topic], a)
	}
	t.mu.Unlock()
	if first {
		t.log.Logger().LogAttrs(context.Background(), slog.LevelWarn, "delivery fails, retrying", a.attr(), slog.Any("error", err))
	}
}

// Failing reports whether the last attempt failed.
func (a *Attempts) Failing() bool { return a.failing }

// Succeeded reports that an attempt succeeded.
func (a *Attempts) Succeeded() {
	if a.failing && a.end() {
		a.troubles.log.Logger().LogAttrs(context.Background(), slog.LevelInfo, "delivery works again", a.attr())
	}
}

// Ended reports that no message is left to attempt.
func (a *Attempts) Ended() {
	if a.failing {
		a.end()
	}
}

// attr returns the topic for the log, or the zero Attr, which handlers leave out.
func (a *Attempts) attr() slog.Attr {
	if a.topic == "" {
		return slog.Attr{}
	}
	return slog.String("topic", a.topic)
}

// end removes the trouble and reports whether it was the last one of the topic.
func (a *Attempts) end() (last bool) {
	t := a.troubles
	t.mu.Lock()
	defer t.mu.Unlock()
	a.failing = false
	left := slices.DeleteFunc(t.failing[a.topic], func(other *Attempts) bool { return other == a })
	if len(left) > 0 {
		t.failing[a.topic] = left
		return false
	}
	delete(t.failing, a.topic)
	return true
}
