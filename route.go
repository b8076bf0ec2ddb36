package signalcast

import (
	"errors"
	"iter"
	"maps"
	"slices"
)

// routeTable says where events go. It is immutable and replaced as a whole; what
// a new configuration says again of a signal is part of the next table too.
type routeTable struct {
	closed   bool
	signals  []*entry        // of the registry, sorted by event type
	bySignal []*signalRoutes // by entry.index; nil where nothing is configured
}

// of returns the routes of a signal with enabled ones among them, else nil.
func (t *routeTable) of(e *entry) *signalRoutes {
	if routes := t.configured(e); routes != nil && len(routes.enabled) > 0 {
		return routes
	}
	return nil
}

// configured returns the routes of a signal, nil when there are none.
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

// newTable makes the routes of a valid configuration, which is to replace old.
func (d *Dispatcher) newTable(c ProducerConfig, old *routeTable) (*routeTable, error) {
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
			if routes, err = d.newRoutes(e, topics); err != nil {
				faults = append(faults, err)
				continue
			}
		}
		table.bySignal[e.index] = routes
	}
	faults = append(faults, d.checkDeadLetters(table))
	return table, errors.Join(faults...)
}

// unchanged reports whether routes are what topics ask for.
func (d *Dispatcher) unchanged(routes []route, topics map[string]TopicConfig) bool {
	prefix := len(d.fullTopic(""))
	for i := range routes {
		r := &routes[i]
		t, ok := topics[r.Topic[prefix:]]
		if !ok || r.Enabled != *t.Enabled || r.KeyPath != t.keyPath() {
			return false
		}
	}
	return len(routes) == len(topics)
}

// newRoutes makes the routes of one signal.
func (d *Dispatcher) newRoutes(e *entry, topics map[string]TopicConfig) (*signalRoutes, error) {
	served, err := d.serve(e)
	if err != nil {
		return nil, err
	}
	var few [8]string
	names := slices.AppendSeq(few[:0], maps.Keys(topics))
	slices.Sort(names)
	routes := &signalRoutes{
		encoder: served.encoder, contentType: d.options.codec.ContentType(),
		all: make([]route, len(names)), enabled: make([]*route, 0, len(names)),
	}
	for i, topic := range names {
		t, r := topics[topic], &routes.all[i]
		r.Route = Route{
			EventType: e.def.eventType, Topic: d.fullTopic(topic), Enabled: *t.Enabled,
			ContentType: routes.contentType, ValueSchema: served.encoder.ValueSchema(),
		}
		r.dispatcher, r.counters = d, served.counters
		if path := t.keyPath(); path != "" {
			if r.key, err = e.data.keyField(path); err != nil {
				return nil, err
			}
			r.KeyPath, r.KeySchema = r.key.Path(), served.encoder.KeySchema(r.key)
		}
		r.deadLetter = d.deadLetterRoute(r, served.deadLetters)
		if r.Enabled {
			routes.enabled = append(routes.enabled, r)
		}
	}
	routes.gatherKeys()
	return routes, nil
}

// keyPath is the path of the key of a valid topic, empty if it has none.
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

// served is what a dispatcher keeps of a signal, whatever the configuration
// says later.
type served struct {
	encoder               Encoder
	counters, deadLetters *counters
}

// serve compiles the codec for a signal, once.
func (d *Dispatcher) serve(e *entry) (*served, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.served[e]; s != nil {
		return s, nil
	}
	encoder, err := compile(d.options.codec, e)
	if err != nil {
		return nil, err
	}
	s := &served{encoder: encoder, counters: &counters{}}
	if d.options.deadLetter != "" {
		s.deadLetters = &counters{}
	}
	d.served[e] = s
	return s, nil
}

// Routes returns the route table, sorted by event type and topic.
func (d *Dispatcher) Routes() []Route { return d.table.Load().list() }
