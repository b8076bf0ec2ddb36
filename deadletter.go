package signalcast

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// WithDeadLetter republishes each accepted message that failed delivery, once, to the full
// topic of its route followed by a hyphen and suffix: with "dead", messages of "prod-orders"
// go to "prod-orders-dead". Key, value and metadata stay the same. A configuration
// that contains such a topic is not valid. The default is the empty suffix, which
// republishes nothing.
//
// A rejected message and an invalid event do not become dead letters, since the sender
// has the error. A message with FateUnknown becomes one although it may have been
// written; the ID of its event tells.
//
// A dead letter is a message of its own to the backend, to [Stats] and to [Hooks]. It is
// not part of the [Delivery] of the event, and Send does not wait for it. It does
// not wait for room: if the buffer is full, it is rejected with [ErrBufferFull].
// [WithDeadLetterBackend] gives dead letters a buffer of their own. A dead letter that
// is rejected or fails is logged and reported to the hooks, and is not published again.
//
// Flush waits for dead letters. Close waits for them while its context lasts.
func WithDeadLetter(suffix string) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.deadLetter = suffix }}
}

// WithDeadLetterBackend publishes dead letters to b instead of the dispatcher's backend.
// b may be for another server, or for the same one with its own buffer and connections.
// The dispatcher owns b as it owns its backend, and closes it last, since messages
// can fail until the other one is closed. The default is nil, the dispatcher's backend.
func WithDeadLetterBackend(b Backend) DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.deadLetterBackend = b }}
}

func (d *Dispatcher) deadLetterBackend() Backend {
	if d.options.deadLetterBackend != nil {
		return d.options.deadLetterBackend
	}
	return d.backend
}

// deadLetterRoute returns the route of the messages of r that fail, or nil. It
// has no such route itself, so that a dead letter does not become another one.
func (d *Dispatcher) deadLetterRoute(r *route) *route {
	if d.options.deadLetter == "" {
		return nil
	}
	dead := &route{Route: r.Route, dispatcher: d, backend: d.deadLetterBackend(), key: r.key, counters: r.counters.deadLetters}
	dead.Topic = d.deadLetterTopic(r.Topic)
	return dead
}

func (d *Dispatcher) deadLetterTopic(topic string) string { return topic + "-" + d.options.deadLetter }

// deadLetters returns the routes of dead letters, sorted by event type and topic.
func (t *routeTable) deadLetters() []Route {
	var list []Route
	for r := range t.routes() {
		if r.deadLetter != nil {
			list = append(list, r.deadLetter.Route)
		}
	}
	slices.SortFunc(list, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Topic, b.Topic))
	})
	return list
}

// checkDeadLetterTopics reports dead-letter topics that are configured topics too: a
// consumer could not tell their messages apart. A backend for dead letters may be the
// same server, so its topics are checked as well.
func (d *Dispatcher) checkDeadLetterTopics(t *routeTable) error {
	if d.options.deadLetter == "" {
		return nil
	}
	configured := map[string]bool{}
	for r := range t.routes() {
		configured[r.Topic] = true
	}
	var faults []error
	for r := range t.routes() {
		if configured[r.deadLetter.Topic] {
			faults = append(faults, fmt.Errorf("event type %q: dead letters of topic %q: found the configured topic %q; "+
				"want a topic that is not configured", r.EventType, r.Topic, r.deadLetter.Topic))
		}
	}
	return errors.Join(faults...)
}

// publishDeadLetter publishes the failed message of s to the dead-letter topic, if there
// is one. It is called by done, so it must not block: with a context that has ended, a
// backend accepts a message if there is room and rejects it otherwise.
func (s *slot) publishDeadLetter() {
	to := s.route.deadLetter
	if to == nil {
		return
	}
	dead := &slot{route: to, message: s.message}
	dead.message.Topic = to.Topic
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dead.publish(ctx)
}
