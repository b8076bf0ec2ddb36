package signalcast

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// WithDeadLetter publishes a message that was taken by the backend and then
// failed once more: to the topic of its route followed by a hyphen and suffix,
// prefix included. "dead" makes "prod-orders-dead" of "prod-orders". Key, value
// and metadata stay as they are: a dead letter that is moved back is the message
// again. A configuration with such a topic among its own is refused, since nobody
// could tell which is which. The default, the empty suffix, publishes nothing twice.
//
// Not everything that went wrong becomes a dead letter: a message that the
// backend refused, and an event that cannot be encoded, is still in the hands of
// the sender, who has an error. A message of fate Unknown becomes one although
// it may have been written; the ID of its event tells.
//
// A dead letter is a message of its own to the backend, [Stats] and [Hooks];
// Send and the [Delivery] of the event have nothing to do with it. It never
// waits for room, since nobody waits for it: when the buffer is full it is
// refused with [ErrBufferFull], so that senders who keep the buffer full leave
// none for dead letters. [WithDeadLetterBackend] gives them a buffer of their own.
// A dead letter that is refused or fails is reported to log and hooks like every
// message, and that is the end of it.
//
// Flush waits for dead letters too. So does Close, while its context lasts; a
// backend that it closes takes no more.
func WithDeadLetter(suffix string) DispatcherOption {
	return func(o *options) { o.deadLetter = suffix }
}

// WithDeadLetterBackend publishes dead letters with b instead of the backend
// whose messages have failed: another server, or the same one with a buffer and
// connections of their own, so that their topics must not be configured ones
// there either. The dispatcher owns it like its backend and closes
// it last, since messages may fail until the other one is closed. The default,
// nil, is the dispatcher's backend.
func WithDeadLetterBackend(b Backend) DispatcherOption {
	return func(o *options) { o.deadLetterBackend = b }
}

func (d *Dispatcher) deadLetterBackend() Backend {
	if d.options.deadLetterBackend != nil {
		return d.options.deadLetterBackend
	}
	return d.backend
}

// closeBackends closes what the dispatcher owns, what takes dead letters last.
func (d *Dispatcher) closeBackends(ctx context.Context) error {
	spare := d.options.deadLetterBackend
	if spare != nil {
		return errors.Join(d.backend.Close(ctx), spare.Close(ctx))
	}
	if d.options.deadLetter != "" {
		_ = d.Flush(ctx) // a backend that closes takes none; what is left, its Close tells
	}
	return d.backend.Close(ctx) //nolint:wrapcheck // Close wraps it
}

// deadLetterRoute is where the messages of r go when they fail. It has no such
// route itself, which is why a dead letter never makes another one.
func (d *Dispatcher) deadLetterRoute(r *route, c *counters) *route {
	if d.options.deadLetter == "" {
		return nil
	}
	dead := &route{Route: r.Route, dispatcher: d, key: r.key, counters: c}
	dead.Topic += "-" + d.options.deadLetter
	return dead
}

// deadLetters returns the routes of dead letters, sorted.
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

// checkDeadLetters reports the topics that are configured and get dead letters
// as well: nobody could tell which is which. A backend of their own may well be
// the same server.
func (d *Dispatcher) checkDeadLetters(t *routeTable) error {
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
			faults = append(faults, fmt.Errorf("event type %q: the dead letters of topic %q go to %q, which is a configured topic; "+
				"allowed is a topic of their own", r.EventType, r.Topic, r.deadLetter.Topic))
		}
	}
	return errors.Join(faults...)
}

// bury publishes the message of s, which has failed, as a dead letter. It is part
// of done, so it must not block: with a context that has ended, a backend takes
// what fits and refuses the rest.
func (s *slot) bury() {
	to := s.route.deadLetter
	if to == nil {
		return
	}
	dead := &slot{route: to, message: s.message}
	dead.message.Topic = to.Topic
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := to.dispatcher.deadLetterBackend().Publish(ctx, &dead.message, dead.finish)
	switch {
	case err == nil:
		dead.taken()
	case errors.Is(err, context.Canceled):
		dead.refuse(ErrBufferFull)
	default:
		dead.refuse(err)
	}
}
