package signalcast

import (
	"slices"

	"github.com/signalcast/signalcast/internal/shape"
)

// signalRoutes are the routes of one signal.
type signalRoutes struct {
	encoder     Encoder
	contentType string
	all         []route // enabled or not, sorted by topic
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
