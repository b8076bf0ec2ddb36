package signalcast

import "reflect"

// Decoder decodes many events like [Registry.Decode], with fewer allocations. It must not be used concurrently. A consumer needs one for
// each worker.
//
// The price is that memory stays in use longer. One kept event keeps up to 15 other events of its type. The strings of an event
// share the memory of the value that it was decoded from. Receivers get a copy of the event, so they keep at most the value.
type Decoder struct {
	registry *Registry
	types    map[string]*typeDecoder // by event type
	last     *typeDecoder
	used     []*typeDecoder // those with memory, since Reset
}

// typeDecoder decodes the events of one type.
type typeDecoder struct {
	entry  *entry
	memory eventMemory

	// The latest schema, and its reader if reader.avro is not nil.
	writer *Schema
	reader reader
}

// NewDecoder returns a decoder for the signals of r, including those that are registered later.
func (r *Registry) NewDecoder() *Decoder {
	return &Decoder{registry: r, types: map[string]*typeDecoder{}}
}

// Decode is like [Registry.Decode], but the event keeps value. The caller must not change value afterwards.
func (d *Decoder) Decode(m Metadata, writer *Schema, value []byte) (*Received, error) {
	t := d.last
	if t == nil || t.entry.def.eventType != m.EventType {
		if t = d.ofType(m.EventType); t == nil {
			return nil, notRegistered(m.EventType)
		}
		d.last = t
	}
	if t.reader.avro == nil || t.writer != writer {
		t.writer, t.reader = writer, t.entry.reader(writer)
		if t.reader.err != nil {
			return nil, t.reader.err
		}
	}
	if t.memory.size == 0 {
		d.used = append(d.used, t)
	}
	return t.entry.receive(t.reader.avro, &m, value, &t.memory)
}

// ofType returns the decoder of an event type, or nil if the type is not registered.
func (d *Decoder) ofType(eventType string) *typeDecoder {
	t := d.types[eventType]
	if t == nil {
		if e := d.registry.lookup(eventType); e != nil {
			t = &typeDecoder{entry: e}
			d.types[eventType] = t
		}
	}
	return t
}

// Reset frees the memory that the decoder keeps for the next events. That memory also keeps earlier events, so call Reset when no event
// comes for some time.
func (d *Decoder) Reset() {
	for _, t := range d.used {
		t.memory = eventMemory{}
	}
	clear(d.used)
	d.used = d.used[:0]
}

// eventMemory has memory for the next events of one type. It allocates twice as many events each time, up to maxEvents or maxEventBytes.
type eventMemory struct {
	free any // a *[]receivedEvent[T]
	size int // of the latest allocation
}

const (
	maxEvents     = 16
	maxEventBytes = 8 << 10
)

// nextEvent returns memory for an event.
func nextEvent[T any](m *eventMemory) *receivedEvent[T] {
	free, ok := m.free.(*[]receivedEvent[T])
	if !ok {
		free = new([]receivedEvent[T])
		m.free = free
	}
	if len(*free) == 0 {
		limit := min(maxEvents, maxEventBytes/int(reflect.TypeFor[receivedEvent[T]]().Size()))
		m.size = max(1, min(2*m.size, limit))
		*free = make([]receivedEvent[T], m.size)
	}
	next := &(*free)[0]
	*free = (*free)[1:]
	return next
}
