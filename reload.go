package signalcast

import (
	"slices"
	"strings"
)

// Change is what a reload has changed for the events that leave the process.
// All lists are sorted by event type and topic.
type Change struct {
	// Started are routes that events go to now and did not before.
	Started []Route
	// Stopped are routes that events went to and do not any more.
	Stopped []Route
	// Rekeyed are routes with another key than before, as they are now: the order
	// of events with equal keys is not kept across the change.
	Rekeyed []Route
}

// since tells what has changed since old, which t replaces.
func (t *routeTable) since(old *routeTable) Change {
	var started, stopped, rekeyed []*route
	for _, e := range t.signals {
		was, is := old.configured(e), t.configured(e)
		if was == is {
			continue
		}
		for _, r := range is.serving() {
			switch before := was.to(r.Topic); {
			case before == nil:
				started = append(started, r)
			case before.KeyPath != r.KeyPath:
				rekeyed = append(rekeyed, r)
			}
		}
		for _, r := range was.serving() {
			if is.to(r.Topic) == nil {
				stopped = append(stopped, r)
			}
		}
	}
	return Change{listed(started), listed(stopped), listed(rekeyed)}
}

// listed returns copies of routes, nil if there are none.
func listed(routes []*route) []Route {
	if len(routes) == 0 {
		return nil
	}
	list := make([]Route, len(routes))
	for i, r := range routes {
		list[i] = r.Route
	}
	return list
}

// serving returns the enabled routes; nil has none.
func (r *signalRoutes) serving() []*route {
	if r == nil {
		return nil
	}
	return r.enabled
}

// to returns the enabled route to a topic, nil if there is none.
func (r *signalRoutes) to(topic string) *route {
	enabled := r.serving()
	i, found := slices.BinarySearchFunc(enabled, topic, func(r *route, topic string) int { return strings.Compare(r.Topic, topic) })
	if !found {
		return nil
	}
	return enabled[i]
}
