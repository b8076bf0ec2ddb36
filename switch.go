package signalcast

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/signalcast/signalcast/internal/nearest"
)

// Switch turns routes off at run time. See [Dispatcher.SwitchOff].
type Switch struct {
	// EventType limits the switch to the routes of one event type. Empty means all.
	EventType string
	// Topic limits the switch to the routes to one topic, prefix included. Empty
	// means all.
	Topic string
	// Reason says why. It is required, and logged.
	Reason string
	// By says who did it. It may be empty.
	By string
	// Since is when the switch took effect. The dispatcher sets it.
	Since time.Time
	// Until is when the switch ends. The zero time means that it lasts until SwitchOn or
	// the end of the process.
	Until time.Time
}

// SwitchChange is a switch that took effect or ended.
type SwitchChange struct {
	// Switch is the switch.
	Switch Switch
	// Off is true if the switch took effect, and false if it ended.
	Off bool
	// By says who ended the switch. It is empty if the time Until was reached.
	By string
}

// SwitchError reports why a switch has no effect.
type SwitchError struct {
	// Setting is "event type", "topic", "route", "reason" or "until".
	Setting string
	// Found says what was found, and Want what is allowed.
	Found, Want string
	// Nearest is the known name that is most similar to the one found, or empty.
	Nearest string
}

// Error returns the fault on one line.
func (e *SwitchError) Error() string {
	text := fmt.Sprintf("switch: %s: %s; want %s", e.Setting, e.Found, e.Want)
	if e.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", e.Nearest)
	}
	return text
}

// SwitchOff stops publishing to the routes that s names, from then on and until SwitchOn or
// s.Until. It acts before it returns, also while a Reload waits for a registry. Messages that
// were accepted before are delivered. Send succeeds for events of these routes, without
// publishing them, and counts the messages as Suppressed.
//
// A switch can only turn routes off. It survives reloads, and not the process. A second
// switch with the same EventType and Topic replaces the first. Several switches can turn
// the same route off, which stays off until the last of them ends.
//
// The error is a [*SwitchError] if no route has these names, if the reason is missing, or if
// s.Until has passed. After Close it is [ErrClosed].
func (d *Dispatcher) SwitchOff(s Switch) error {
	d.mu.Lock()
	base := d.base
	err := s.check(base)
	if base.closed {
		err = errDispatcherClosed
	}
	if err != nil {
		d.mu.Unlock()
		return err
	}
	s.Since = time.Now()
	d.switches = append(slices.DeleteFunc(d.switches, s.sameRoutes), s)
	slices.SortFunc(d.switches, func(a, b Switch) int {
		return cmp.Or(cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Topic, b.Topic))
	})
	d.applySwitches()
	d.mu.Unlock()
	d.reportSwitch(SwitchChange{Switch: s, Off: true, By: s.By})
	return nil
}

// SwitchOn ends the switch with the given event type and topic, as they were given to
// SwitchOff. by says who did it, and may be empty. The error is a [*SwitchError] if there is
// no such switch.
func (d *Dispatcher) SwitchOn(eventType, topic, by string) error {
	d.mu.Lock()
	i := slices.IndexFunc(d.switches, Switch{EventType: eventType, Topic: topic}.sameRoutes)
	if i < 0 {
		d.mu.Unlock()
		return &SwitchError{Setting: "route", Found: "found no switch for " + routesText(eventType, topic), Want: "the event type and topic given to SwitchOff"}
	}
	s := d.switches[i]
	d.switches = slices.Delete(d.switches, i, i+1)
	d.applySwitches()
	d.mu.Unlock()
	d.reportSwitch(SwitchChange{Switch: s, By: by})
	return nil
}

// Switches returns the switches in effect, sorted by event type and topic.
func (d *Dispatcher) Switches() []Switch {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.switches)
}

func (s Switch) sameRoutes(other Switch) bool {
	return s.EventType == other.EventType && s.Topic == other.Topic
}

func (s Switch) covers(r *route) bool {
	return (s.EventType == "" || s.EventType == r.EventType) && (s.Topic == "" || s.Topic == r.Topic)
}

// check reports why the switch has no effect on the routes of t.
func (s Switch) check(t *routeTable) error {
	switch {
	case s.Reason == "":
		return &SwitchError{Setting: "reason", Found: "found none", Want: "why the routes are switched off"}
	case !s.Until.IsZero() && !s.Until.After(time.Now()):
		return &SwitchError{Setting: "until", Found: "found a time that has passed", Want: "a time to come, or the zero time"}
	}
	var eventTypes, topics []string
	for r := range t.routes() {
		if s.covers(r) {
			return nil
		}
		eventTypes, topics = append(eventTypes, r.EventType), append(topics, r.Topic)
	}
	switch {
	case s.EventType != "" && !slices.Contains(eventTypes, s.EventType):
		return &SwitchError{
			Setting: "event type", Found: "found " + display(s.EventType), Want: "an event type with a configured topic",
			Nearest: nearest.Name(s.EventType, slices.Values(eventTypes)),
		}
	case s.Topic != "" && !slices.Contains(topics, s.Topic):
		return &SwitchError{
			Setting: "topic", Found: "found " + display(s.Topic), Want: "a configured topic, with its prefix",
			Nearest: nearest.Name(s.Topic, slices.Values(topics)),
		}
	default:
		return &SwitchError{Setting: "route", Found: "found " + routesText(s.EventType, s.Topic), Want: "a configured route"}
	}
}

// routesText names the routes of a switch.
func routesText(eventType, topic string) string {
	switch {
	case eventType == "" && topic == "":
		return "all routes"
	case eventType == "":
		return "topic " + display(topic)
	case topic == "":
		return "event type " + display(eventType)
	default:
		return "event type " + display(eventType) + " to topic " + display(topic)
	}
}

// applySwitches publishes the route table of base and switches, and sets the timer for the
// switch that ends first. It is called with mu held.
func (d *Dispatcher) applySwitches() {
	d.table.Store(d.base.switched(d.switches))
	if d.expiry != nil && d.expiry.Stop() {
		d.expiring.Done()
	}
	d.expiry = nil
	var first time.Time
	for _, s := range d.switches {
		if !s.Until.IsZero() && (first.IsZero() || s.Until.Before(first)) {
			first = s.Until
		}
	}
	if first.IsZero() || d.base.closed {
		return
	}
	d.expiring.Add(1)
	d.expiry = time.AfterFunc(time.Until(first), func() {
		defer d.expiring.Done()
		d.endSwitches()
	})
}

// endSwitches ends the switches whose time has passed.
func (d *Dispatcher) endSwitches() {
	d.mu.Lock()
	var ended []Switch
	now := time.Now()
	d.switches = slices.DeleteFunc(d.switches, func(s Switch) bool {
		over := !s.Until.IsZero() && !s.Until.After(now)
		if over {
			ended = append(ended, s)
		}
		return over
	})
	d.applySwitches()
	d.mu.Unlock()
	for _, s := range ended {
		d.reportSwitch(SwitchChange{Switch: s})
	}
}

// switched returns t without the routes that switches turn off.
func (t *routeTable) switched(switches []Switch) *routeTable {
	if len(switches) == 0 {
		return t
	}
	off := func(r *route) bool {
		return slices.ContainsFunc(switches, func(s Switch) bool { return s.covers(r) })
	}
	result := &routeTable{t.closed, t.signals, slices.Clone(t.bySignal)}
	for i, routes := range t.bySignal {
		if !slices.ContainsFunc(routes.enabledRoutes(), off) {
			continue
		}
		changed := *routes
		changed.enabled = nil
		for _, r := range routes.enabled {
			if off(r) {
				changed.suppressed = append(changed.suppressed, r)
			} else {
				changed.enabled = append(changed.enabled, r)
			}
		}
		result.bySignal[i] = &changed
	}
	return result
}

// suppress counts the messages that a switch keeps from being published.
func (r *signalRoutes) suppress() {
	for _, route := range r.suppressed {
		route.counters.suppressed.Add(1)
	}
}

// reportSwitch logs a change of a switch and calls the hooks for it.
func (d *Dispatcher) reportSwitch(c SwitchChange) {
	s := c.Switch
	attrs := []slog.Attr{slog.String("event_type", s.EventType), slog.String("topic", s.Topic), slog.String("reason", s.Reason), slog.String("by", c.By)}
	switch {
	case !c.Off:
		d.options.logger.LogAttrs(context.Background(), slog.LevelWarn, "routes switched on", attrs...)
	case s.Until.IsZero():
		d.options.logger.LogAttrs(context.Background(), slog.LevelWarn, "routes switched off", attrs...)
	default:
		d.options.logger.LogAttrs(context.Background(), slog.LevelWarn, "routes switched off", append(attrs, slog.Time("until", s.Until))...)
	}
	for i := range d.options.hooks {
		if hook := d.options.hooks[i].Switched; hook != nil {
			d.protect("Switched", func() { hook(c) })
		}
	}
}
