package signalcast

import (
	"cmp"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/signalcast/signalcast/internal/shape"
)

// routeTable says where events go. It is immutable, but for the counters that
// its routes point to, and replaced as a whole.
type routeTable struct {
	closed   bool
	bySignal []*signalRoutes // by entry.index; nil where nothing is enabled
	all      []*route        // enabled or not, sorted by event type and topic
}

// signalRoutes are the enabled routes of one signal.
type signalRoutes struct {
	encoder     Encoder
	contentType string
	enabled     []*route
	keys        []*KeyField // of these routes, each once, in the order of the data
	avro        *avroEncoder
	avroKeys    []*shape.Key // keys, where avro is set
}

// route is one event type and topic.
type route struct {
	Route
	dispatcher *Dispatcher
	key        *KeyField // nil: keyless
	keyAt      int       // in the keys of the signal
	counters   *counters
	deadLetter *route // of messages that fail; nil where they have none
}

// counters are of one event type and topic, and survive a reload.
type counters struct {
	accepted, delivered, failed, refused atomic.Int64
	_                                    [32]byte // a cache line, so that senders to different topics do not contend
}

type counterKey struct {
	eventType, topic string
	deadLetter       bool
}

// of returns the enabled routes of a signal, nil when there are none.
func (t *routeTable) of(e *entry) *signalRoutes {
	if e.index >= len(t.bySignal) {
		return nil
	}
	return t.bySignal[e.index]
}

// list returns a copy of all routes.
func (t *routeTable) list() []Route {
	list := make([]Route, len(t.all))
	for i, r := range t.all {
		list[i] = r.Route
	}
	return list
}

// newTable makes the routes of a valid configuration.
func (d *Dispatcher) newTable(c ProducerConfig) (*routeTable, error) {
	table := &routeTable{bySignal: make([]*signalRoutes, len(d.registry.signals.Load().byDefinition))}
	var faults []error
	for eventType, topics := range c {
		e := d.registry.lookup(eventType)
		encoder, err := d.encoder(e)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		routes := &signalRoutes{encoder: encoder, contentType: d.options.codec.ContentType()}
		for topic, settings := range topics {
			r := &route{dispatcher: d, Route: Route{
				EventType: eventType, Topic: d.fullTopic(topic), Enabled: *settings.Enabled,
				ContentType: routes.contentType, ValueSchema: encoder.ValueSchema(),
			}}
			if settings.EventKeyField != nil {
				if r.key, err = e.keyField(*settings.EventKeyField); err != nil {
					faults = append(faults, err)
					continue
				}
				r.KeyField, r.KeySchema = r.key.Path(), encoder.KeySchema(r.key)
			}
			r.counters = d.countersOf(counterKey{eventType, r.Topic, false})
			r.deadLetter = d.deadLetterRoute(r)
			table.all = append(table.all, r)
			if r.Enabled {
				routes.enabled = append(routes.enabled, r)
			}
		}
		if len(routes.enabled) > 0 {
			slices.SortFunc(routes.enabled, func(a, b *route) int { return cmp.Compare(a.Topic, b.Topic) })
			routes.gatherKeys()
			table.bySignal[e.index] = routes
		}
	}
	slices.SortFunc(table.all, func(a, b *route) int { return compareRoutes(a.Route, b.Route) })
	faults = append(faults, table.checkDeadLetters())
	return table, errors.Join(faults...)
}

func compareRoutes(a, b Route) int {
	return cmp.Or(cmp.Compare(a.EventType, b.EventType), cmp.Compare(a.Topic, b.Topic))
}

func (d *Dispatcher) fullTopic(topic string) string {
	if d.options.prefix == "" {
		return topic
	}
	return d.options.prefix + "-" + topic
}

// encoder compiles the codec for a signal, once.
func (d *Dispatcher) encoder(e *entry) (Encoder, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if encoder := d.encoders[e]; encoder != nil {
		return encoder, nil
	}
	encoder, err := d.options.codec.Compile(e.self)
	if err == nil {
		d.encoders[e] = encoder
	}
	return encoder, err //nolint:wrapcheck // a codec names the signal itself
}

func (d *Dispatcher) countersOf(key counterKey) *counters {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counters[key] == nil {
		d.counters[key] = &counters{}
	}
	return d.counters[key]
}

// gatherKeys lists the keys of the enabled routes: equal ones are encoded once,
// and not at all where they are part of the value.
func (r *signalRoutes) gatherKeys() {
	for _, route := range r.enabled {
		if route.key != nil && !slices.Contains(r.keys, route.key) {
			r.keys = append(r.keys, route.key)
		}
	}
	slices.SortFunc(r.keys, func(a, b *KeyField) int { return a.key.Compare(b.key) })
	for _, route := range r.enabled {
		route.keyAt = slices.Index(r.keys, route.key)
	}
	if r.avro, _ = r.encoder.(*avroEncoder); r.avro == nil {
		return
	}
	for _, k := range r.keys {
		r.avroKeys = append(r.avroKeys, k.key)
	}
}

// encode fills dispatched, which has a slot for each enabled topic, with the
// event, encoded once, and its messages.
func (r *signalRoutes) encode(dispatched *dispatch, meta *Metadata, data Data) error {
	var few [4]shape.Span
	at := few[:]
	if len(r.keys) > len(few) {
		at = make([]shape.Span, len(r.keys))
	}
	buf, valueEnd, err := r.append(dispatched.small[:0], data, at)
	if err != nil {
		return err
	}
	dispatched.envelope = Envelope{
		Metadata: *meta, Value: buf[:valueEnd:valueEnd], ValueSchema: r.encoder.ValueSchema(), ContentType: r.contentType,
	}
	for i, route := range r.enabled {
		s := &dispatched.slots[i]
		s.route = route
		s.message.Topic, s.message.KeySchema, s.message.Event = route.Topic, route.KeySchema, &dispatched.envelope
		if route.key != nil {
			key := at[route.keyAt]
			s.message.Key = buf[key.From:key.To:key.To]
		}
	}
	return nil
}

// append appends the value, which ends at valueEnd, and what keys are not part of
// it. It sets at to where the keys are.
func (r *signalRoutes) append(dst []byte, data Data, at []shape.Span) (buf []byte, valueEnd int, err error) {
	if r.avro != nil {
		buf, err = r.avro.appendWithKeys(dst, data, r.avroKeys, at)
		return buf, len(buf), err
	}
	buf, err = r.encoder.AppendValue(dst, data)
	valueEnd = len(buf)
	for i, k := range r.keys {
		if err != nil {
			break
		}
		at[i].From = len(buf)
		buf, err = r.encoder.AppendKey(buf, k, data)
		at[i].To = len(buf)
	}
	return buf, valueEnd, err //nolint:wrapcheck // an *EncodeError
}

// Routes returns the route table, sorted by event type and topic.
func (d *Dispatcher) Routes() []Route { return d.table.Load().list() }

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

// diff compares two sorted route lists.
func diff(before, after []Route) Change {
	type name struct{ eventType, topic string }
	was := make(map[name]Route, len(before))
	for _, r := range before {
		if r.Enabled {
			was[name{r.EventType, r.Topic}] = r
		}
	}
	var change Change
	for _, r := range after {
		if !r.Enabled {
			continue
		}
		old, served := was[name{r.EventType, r.Topic}]
		delete(was, name{r.EventType, r.Topic})
		if !served {
			change.Started = append(change.Started, r)
		} else if old.KeyField != r.KeyField {
			change.Rekeyed = append(change.Rekeyed, r)
		}
	}
	for _, r := range was {
		change.Stopped = append(change.Stopped, r)
	}
	slices.SortFunc(change.Stopped, compareRoutes)
	return change
}

// Stats counts messages since the dispatcher was made. A message is one event
// for one topic, or its dead letter.
type Stats struct {
	// Accepted messages were taken by the backend: Delivered + Failed + Pending.
	Accepted int64
	// Delivered messages were acknowledged by the destination.
	Delivered int64
	// Failed messages were taken and not delivered; for each, the error says
	// whether it may have been written.
	Failed int64
	// Pending messages have no outcome yet. It is 0 after Flush and Close.
	Pending int64
	// Refused messages were not taken by the backend: no room, too large, closed.
	Refused int64
	// Rejected counts events, not messages, that could not be encoded.
	Rejected int64
	// DeadLetters are those of the Delivered messages that are dead letters: so
	// many of the Failed ones are kept, see [WithDeadLetter].
	DeadLetters int64
}

// Stats returns the counts. Accepted = Delivered + Failed + Pending holds in every answer.
func (d *Dispatcher) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	stats := Stats{Rejected: d.rejected.Load()}
	for key, c := range d.counters {
		// A message is counted as accepted before it is counted as anything else.
		delivered := c.delivered.Load()
		stats.Delivered += delivered
		if key.deadLetter {
			stats.DeadLetters += delivered
		}
		stats.Failed += c.failed.Load()
		stats.Accepted += c.accepted.Load()
		stats.Refused += c.refused.Load()
	}
	stats.Pending = stats.Accepted - stats.Delivered - stats.Failed
	return stats
}
