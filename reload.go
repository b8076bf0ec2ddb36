package signalcast

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Change says how a reload changed the routes that events are published to. All lists
// are sorted by event type and topic.
type Change struct {
	// Started are the routes that are enabled now and were not before.
	Started []Route
	// Stopped are the routes that were enabled before and are not now.
	Stopped []Route
	// Rekeyed are the routes whose key changed, as they are now. The order
	// of events with equal keys is not kept across the change.
	Rekeyed []Route
	// Moved are the routes whose mode changed, as they are now. An event keeps the mode
	// that it was sent with.
	Moved []Route
}

// Reload puts a new configuration into service. It checks c as NewDispatcher does. If the
// check fails, nothing changes. Otherwise the new routes replace the old
// ones at once: each event is published by the old ones or by the new ones. Messages in
// flight are not affected, and counters keep their values.
//
// A configuration that has none of the enabled routes, not even disabled, and no other enabled
// route is rejected with [ErrEmptyReload]: an emptied file must not stop all events. Set
// enabled to false to stop them, or give [WithEmptyAllowed].
//
// Concurrent reloads run one after the other. ctx bounds the wait and the check.
// After Close, Reload returns [ErrClosed].
func (d *Dispatcher) Reload(ctx context.Context, c ProducerConfig) (Change, error) {
	if err := ctx.Err(); err != nil {
		return Change{}, fmt.Errorf("reload: %w", err)
	}
	select {
	case d.reloading <- struct{}{}:
		defer func() { <-d.reloading }()
	case <-ctx.Done():
		return Change{}, fmt.Errorf("waiting for another reload: %w", ctx.Err())
	}
	d.mu.Lock()
	old := d.base
	d.mu.Unlock()
	if old.closed {
		return Change{}, errDispatcherClosed
	}
	table, err := d.prepare(ctx, c, old)
	if err != nil {
		return Change{}, err
	}
	if old = d.replace(table); old.closed {
		return Change{}, errDispatcherClosed
	}
	change := table.changeSince(old)
	d.reportReload(ctx, table, change)
	return change, nil
}

// WithEmptyAllowed permits a dispatcher that publishes nothing. Without it, Reload returns
// [ErrEmptyReload] for a configuration that removes every enabled route, and a dispatcher
// without an enabled route logs a warning.
func WithEmptyAllowed() DispatcherOption {
	return DispatcherOption{func(o *dispatcherOptions) { o.emptyAllowed = true }}
}

// checkEmpty returns ErrEmptyReload if t has no enabled route and lacks every enabled route
// of old.
func (t *routeTable) checkEmpty(old *routeTable) error {
	for _, routes := range t.bySignal {
		if len(routes.enabledRoutes()) > 0 {
			return nil
		}
	}
	removed := 0
	for _, e := range old.signals {
		for _, r := range old.configured(e).enabledRoutes() {
			if now := t.configured(e); now != nil && slices.ContainsFunc(now.all, func(n route) bool { return n.Topic == r.Topic }) {
				return nil
			}
			removed++
		}
	}
	if removed == 0 {
		return nil
	}
	return fmt.Errorf("%w: found none of the %d enabled routes in the new configuration; want them with enabled false, "+
		"or the option WithEmptyAllowed", ErrEmptyReload, removed)
}

// changeSince compares t with old, which t replaces.
func (t *routeTable) changeSince(old *routeTable) Change {
	var started, stopped, rekeyed, moved []*route
	for _, e := range t.signals {
		before, now := old.configured(e), t.configured(e)
		if before == now {
			continue
		}
		for _, r := range now.enabledRoutes() {
			same := before.enabledRoute(r.Topic)
			if same == nil {
				started = append(started, r)
				continue
			}
			if same.KeyPath != r.KeyPath {
				rekeyed = append(rekeyed, r)
			}
			if same.Mode != r.Mode {
				moved = append(moved, r)
			}
		}
		for _, r := range before.enabledRoutes() {
			if now.enabledRoute(r.Topic) == nil {
				stopped = append(stopped, r)
			}
		}
	}
	return Change{publicRoutes(started), publicRoutes(stopped), publicRoutes(rekeyed), publicRoutes(moved)}
}

// publicRoutes returns copies of routes, or nil for no routes.
func publicRoutes(routes []*route) []Route {
	if len(routes) == 0 {
		return nil
	}
	list := make([]Route, len(routes))
	for i, r := range routes {
		list[i] = r.Route
	}
	return list
}

// enabledRoutes returns the enabled routes. A nil r has none.
func (r *signalRoutes) enabledRoutes() []*route {
	if r == nil {
		return nil
	}
	return r.enabled
}

// enabledRoute returns the enabled route to a topic, or nil.
func (r *signalRoutes) enabledRoute(topic string) *route {
	enabled := r.enabledRoutes()
	i, found := slices.BinarySearchFunc(enabled, topic, func(r *route, topic string) int { return strings.Compare(r.Topic, topic) })
	if !found {
		return nil
	}
	return enabled[i]
}
