package signalcast

import (
	"errors"
	"iter"
	"maps"
	"slices"
)

// Route is one event type and one topic that is configured for it.
type Route struct {
	// EventType is the name of the signal.
	EventType string
	// Topic is the full name of the destination, prefix included.
	Topic string
	// KeyPath is the dotted path of the event key. It is empty for a keyless topic.
	KeyPath string
	// Enabled reports whether events are published there. Disabled routes are
	// checked like enabled ones, so that enabling one cannot fail.
	Enabled bool
	// Mode is the mode of the topic, or the dispatcher's default.
	Mode Mode
	// ContentType is the media type that the codec writes.
	ContentType string
	// ValueSchema and KeySchema are the schemas of the messages. The messages will
	// carry the same pointers. Nil without a schema.
	ValueSchema, KeySchema *Schema
}

// route is a Route with what publishing to it needs.
type route struct {
	Route
	dispatcher *Dispatcher
	backend    Backend
	immediate  bool      // mode immediate
	outbox     bool      // mode outbox
	key        *KeyField // nil for a keyless topic
	keyIndex   int       // of key in signalRoutes.keys
	counters   *counters
	deadLetter *route // of messages that fail, or nil
}

// signalRoutes are the routes of one signal.
type signalRoutes struct {
	encoder     Encoder
	contentType string
	all         []route     // sorted by topic
	enabled     []*route    // of all, those that events are published to
	suppressed  []*route    // of all, those that a switch turns off
	keys        []*KeyField // of the enabled routes, each once: equal keys are encoded once
}

// collectKeys sets keys, and keyIndex of the enabled routes.
func (r *signalRoutes) collectKeys() {
	for _, route := range r.enabled {
		if route.key == nil {
			continue
		}
		if route.keyIndex = slices.Index(r.keys, route.key); route.keyIndex < 0 {
			route.keyIndex = len(r.keys)
			r.keys = append(r.keys, route.key)
		}
	}
}

// routeTable holds all routes of a dispatcher. It is immutable. A reload replaces it as
// a whole and reuses the routes of signals whose configuration did not change.
type routeTable struct {
	closed   bool
	signals  []*entry        // of the registry, sorted by event type
	bySignal []*signalRoutes // by entry.index; nil if nothing is configured
}

// serving returns the routes of a signal if one of them is enabled, else nil. A switch may
// turn all of them off.
func (t *routeTable) serving(e *entry) *signalRoutes {
	if routes := t.configured(e); routes != nil && len(routes.enabled)+len(routes.suppressed) > 0 {
		return routes
	}
	return nil
}

// configured returns the routes of a signal, or nil.
func (t *routeTable) configured(e *entry) *signalRoutes {
	if e.index >= len(t.bySignal) {
		return nil // registered later
	}
	return t.bySignal[e.index]
}

// routes yields all routes, sorted by event type and topic.
func (t *routeTable) routes() iter.Seq[*route] {
	return func(yield func(*route) bool) {
		for _, e := range t.signals {
			if routes := t.bySignal[e.index]; routes != nil {
				for i := range routes.all {
					if !yield(&routes.all[i]) {
						return
					}
				}
			}
		}
	}
}

// list returns a copy of all routes.
func (t *routeTable) list() []Route {
	n := 0
	for _, routes := range t.bySignal {
		if routes != nil {
			n += len(routes.all)
		}
	}
	list := make([]Route, 0, n)
	for r := range t.routes() {
		list = append(list, r.Route)
	}
	return list
}

// newRouteTable builds the route table for the valid configuration c, reusing
// unchanged routes of old.
func (d *Dispatcher) newRouteTable(c ProducerConfig, old *routeTable) (*routeTable, error) {
	signals := d.registry.signals.Load().sorted
	table := &routeTable{signals: signals, bySignal: make([]*signalRoutes, len(signals))}
	var faults []error
	for _, e := range signals {
		topics := c[e.def.eventType]
		if len(topics) == 0 {
			continue
		}
		routes := old.configured(e)
		if routes == nil || !d.unchanged(routes.all, topics) {
			var err error
			if routes, err = d.newSignalRoutes(e, topics); err != nil {
				faults = append(faults, err)
				continue
			}
		}
		table.bySignal[e.index] = routes
	}
	faults = append(faults, d.checkOutbox(c), d.checkDeadLetterTopics(table))
	return table, errors.Join(faults...)
}

// unchanged reports whether routes are those that topics configures.
func (d *Dispatcher) unchanged(routes []route, topics map[string]TopicConfig) bool {
	prefix := len(d.fullTopic(""))
	for i := range routes {
		r := &routes[i]
		t, ok := topics[r.Topic[prefix:]]
		if !ok || r.Enabled != *t.Enabled || r.KeyPath != t.keyPath() || r.Mode != d.mode(t) {
			return false
		}
	}
	return len(routes) == len(topics)
}

// newSignalRoutes builds the routes of one signal.
func (d *Dispatcher) newSignalRoutes(e *entry, topics map[string]TopicConfig) (*signalRoutes, error) {
	served, err := d.serve(e)
	if err != nil {
		return nil, err
	}
	var few [8]string
	names := slices.AppendSeq(few[:0], maps.Keys(topics))
	slices.Sort(names)
	counters := d.routeCounters(served, names)
	routes := &signalRoutes{
		encoder: served.encoder, contentType: d.options.codec.ContentType(),
		all: make([]route, len(names)), enabled: make([]*route, 0, len(names)),
	}
	for i, topic := range names {
		t, r := topics[topic], &routes.all[i]
		r.Route = Route{
			EventType: e.def.eventType, Topic: counters[i].topic, Enabled: *t.Enabled, Mode: d.mode(t),
			ContentType: routes.contentType, ValueSchema: served.encoder.ValueSchema(),
		}
		r.dispatcher, r.backend, r.counters = d, d.backend, counters[i]
		r.immediate, r.outbox = r.Mode == ModeImmediate, r.Mode == ModeOutbox
		if path := t.keyPath(); path != "" {
			if r.key, err = e.data.keyField(path); err != nil {
				return nil, err
			}
			r.KeyPath, r.KeySchema = r.key.Path(), served.encoder.KeySchema(r.key)
		}
		r.deadLetter = d.deadLetterRoute(r)
		if r.Enabled {
			routes.enabled = append(routes.enabled, r)
		}
	}
	routes.collectKeys()
	return routes, nil
}

// keyPath returns the key path of a valid topic, empty for a keyless one.
func (t TopicConfig) keyPath() string {
	if t.EventKeyField == nil {
		return ""
	}
	return *t.EventKeyField
}

func (d *Dispatcher) fullTopic(topic string) string {
	if d.options.prefix == "" {
		return topic
	}
	return d.options.prefix + "-" + topic
}

// served is what a dispatcher keeps of a signal across reloads.
type served struct {
	encoder Encoder
	// counters are those of every route that was configured. Guarded by Dispatcher.mu.
	counters []*counters
}

// serve compiles the codec for a signal once. Calls do not overlap, since NewDispatcher and
// Reload make one route table at a time.
func (d *Dispatcher) serve(e *entry) (*served, error) {
	d.mu.Lock()
	s := d.served[e]
	d.mu.Unlock()
	if s != nil {
		return s, nil
	}
	encoder, err := d.options.codec.Compile(e)
	if err != nil {
		return nil, err //nolint:wrapcheck // a codec names the signal itself
	}
	s = &served{encoder: encoder}
	d.mu.Lock()
	d.served[e] = s
	d.mu.Unlock()
	return s, nil
}

// routeCounters returns the counters of the routes to topics, new ones for those that were
// not configured.
func (d *Dispatcher) routeCounters(s *served, topics []string) []*counters {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]*counters, len(topics))
	var fresh []counters
	for i, topic := range topics {
		full := d.fullTopic(topic)
		known := slices.IndexFunc(s.counters, func(c *counters) bool { return c.topic == full })
		if known >= 0 {
			list[i] = s.counters[known]
			continue
		}
		if fresh == nil {
			fresh = make([]counters, 0, len(topics)-i)
		}
		fresh = append(fresh, counters{topic: full})
		list[i] = &fresh[len(fresh)-1]
		if d.options.deadLetter != "" {
			list[i].deadLetters = &counters{topic: d.deadLetterTopic(full)}
		}
	}
	return list
}

// adopt keeps the counters of new routes of a table that takes effect. It is called with mu held.
func (d *Dispatcher) adopt(t, old *routeTable) {
	for _, e := range t.signals {
		routes := t.configured(e)
		if routes == nil || routes == old.configured(e) {
			continue
		}
		s := d.served[e]
		s.counters = slices.Grow(s.counters, len(routes.all))
		for i := range routes.all {
			if c := routes.all[i].counters; !slices.Contains(s.counters, c) {
				s.counters = append(s.counters, c)
			}
		}
	}
}

// Routes returns all routes, sorted by event type and topic.
func (d *Dispatcher) Routes() []Route { return d.table.Load().list() }
