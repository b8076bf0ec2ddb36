package signalcast

import (
	"context"
	"fmt"
	"log/slog"
)

// logStart logs the routes of a new dispatcher.
func (d *Dispatcher) logStart(ctx context.Context, t *routeTable) {
	var started routeNames
	for r := range t.routes() {
		if r.Enabled {
			started.add(r.Route)
		}
	}
	attrs, enabled := t.counts()
	d.options.logger.LogAttrs(ctx, slog.LevelInfo, "dispatcher started", append(attrs, started.attr("started"))...)
	d.warnIfEmpty(ctx, enabled)
}

// logReload logs which routes a reload changed.
func (d *Dispatcher) logReload(ctx context.Context, t *routeTable, change Change) {
	attrs, enabled := t.counts()
	for _, list := range []struct {
		name   string
		routes []Route
	}{{"started", change.Started}, {"stopped", change.Stopped}, {"rekeyed", change.Rekeyed}, {"moved", change.Moved}} {
		var names routeNames
		for _, r := range list.routes {
			names.add(r)
		}
		attrs = append(attrs, names.attr(list.name))
	}
	d.options.logger.LogAttrs(ctx, slog.LevelInfo, "configuration reloaded", attrs...)
	d.warnIfEmpty(ctx, enabled)
}

// counts returns how many routes there are, for the log, and how many are enabled.
func (t *routeTable) counts() (attrs []slog.Attr, enabled int) {
	all := 0
	for r := range t.routes() {
		all++
		if r.Enabled {
			enabled++
		}
	}
	return []slog.Attr{slog.Int("routes", all), slog.Int("enabled", enabled)}, enabled
}

// warnIfEmpty warns if no route is enabled.
func (d *Dispatcher) warnIfEmpty(ctx context.Context, enabled int) {
	if enabled == 0 && !d.options.emptyAllowed {
		d.options.logger.LogAttrs(ctx, slog.LevelWarn, "no route is enabled, so no event is published")
	}
}

// routeNames is a list of routes for the log: the names of the first ones, and the number of
// the others.
type routeNames struct {
	first []string
	more  int
}

func (n *routeNames) add(r Route) {
	const most = 20
	if len(n.first) == most {
		n.more++
		return
	}
	n.first = append(n.first, r.EventType+" to "+r.Topic)
}

// attr returns the list as an attribute, or the zero Attr, which handlers leave out, for an
// empty list.
func (n *routeNames) attr(name string) slog.Attr {
	switch {
	case len(n.first) == 0:
		return slog.Attr{}
	case n.more > 0:
		return slog.Any(name, append(n.first, fmt.Sprintf("and %d more", n.more)))
	default:
		return slog.Any(name, n.first)
	}
}
