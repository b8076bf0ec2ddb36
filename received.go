package signalcast

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/signalcast/signalcast/internal/shape"
)

// Received is an event that was received from the bus, with its decoded data. [Registry.Decode]
// returns it. Its JSON form is that of its Metadata. Its methods must not be called concurrently.
type Received struct {
	// Metadata is what was given to Decode, with FromEventBus set.
	Metadata

	entry *entry
	event interface {
		callReceiver(ctx context.Context, rcv *receiver) error
		value() any
		ref() shape.Ref
	}
	started bool
	pending []*receiver // have not succeeded; set by the first Deliver
}

// receivedEvent is a Received with its data.
type receivedEvent[T any] struct {
	Received

	data T
}

// Decode decodes the data of an event that was received from the bus. m.EventType names the signal.
// value is one value in Avro's binary encoding without framing. Decode keeps no reference to it.
//
// writer is the schema that value was written with. Decode compiles it once for each signal, so
// a caller should give the same pointer for the same schema. Nil means the schema of the signal, for a bus
// on which no schemas travel, such as Redis. The fields of value must then be exactly those of the
// signal.
//
// The schema of a writer may have its fields in any order, and more fields than T. A field of T may be
// missing in it if it is a pointer, a slice or a map; it is then nil. The Avro types int and float are
// read as long and double. The record must have the name that the signal's schema has; names of inner
// records may differ.
//
// The error is a [*DecodeError], or [ErrNotRegistered]. Decode does not check m, and does not call
// Validate methods. Any value and schema are safe to decode: docs/security.md states the bounds of time
// and memory.
func (r *Registry) Decode(m Metadata, writer *Schema, value []byte) (*Received, error) {
	e := r.lookup(m.EventType)
	if e == nil {
		return nil, notRegistered(m.EventType)
	}
	reader := e.reader(writer)
	if reader.err != nil {
		return nil, reader.err
	}
	return e.receive(reader.avro, &m, value, nil)
}

// receive decodes an event. If memory is not nil, the event is part of it and shares the memory of value.
func (e *entry) receive(reader *shape.AvroReader, m *Metadata, value []byte, memory *eventMemory) (*Received, error) {
	received, err := e.def.receive(e, reader, value, memory)
	if err != nil {
		return nil, &DecodeError{EventType: m.EventType, Fields: fieldErrors(err)}
	}
	received.Metadata = *m
	received.FromEventBus = true
	return received, nil
}

// decodeAvro returns an event without metadata.
func decodeAvro[T any](e *entry, reader *shape.AvroReader, value []byte, memory *eventMemory) (*Received, error) {
	var received *receivedEvent[T]
	decode := reader.DecodeShared
	if memory == nil {
		received, decode = new(receivedEvent[T]), reader.Decode
	} else {
		received = nextEvent[T](memory)
	}
	received.entry, received.event = e, received
	if err := decode(value, shape.RefOf(&received.data)); err != nil {
		return nil, err
	}
	return &received.Received, nil
}

// Deliver calls the receivers of the signal, in the order in which they were connected. An error or a
// panic of a receiver stops no other receiver. The error joins a [*ReceiverError] for each receiver that failed.
//
// A further Deliver calls only the receivers that have not succeeded yet and are still connected. Receivers
// that were connected after the first Deliver are not called. A receiver that ends the goroutine with [runtime.Goexit] has
// not succeeded. The event is never published.
func (e *Received) Deliver(ctx context.Context) error {
	connected := e.entry.connected()
	if !e.started {
		e.started, e.pending = true, connected
	}
	var failed []*receiver
	var failures []error
	left := e.pending
	defer func() { e.pending = append(failed, left...) }() // also if a receiver ends the goroutine
	for ; len(left) > 0; left = left[1:] {
		if !slices.Contains(connected, left[0]) {
			continue
		}
		if err := e.event.callReceiver(ctx, left[0]); err != nil {
			failed, failures = append(failed, left[0]), append(failures, err)
		}
	}
	if len(failures) == 1 {
		return failures[0]
	}
	return errors.Join(failures...)
}

func (e *receivedEvent[T]) callReceiver(ctx context.Context, rcv *receiver) error {
	f, ok := rcv.f.(func(context.Context, Event[T]) error)
	if !ok {
		return nil // a registry has one definition per event type, so T is the same
	}
	return rcv.call(e.EventType, func() error { return f(ctx, Event[T]{e.Metadata, e.data}) })
}

func (e *receivedEvent[T]) value() any     { return e.data }
func (e *receivedEvent[T]) ref() shape.Ref { return shape.RefOf(&e.data) }

// Data returns the decoded data, of the type [Definition.DataType]. Receivers share what it points to.
func (e *Received) Data() any { return e.event.value() }

// AppendJSON appends the data as JSON, in the form that SendJSON accepts. It returns b and an [*EncodeError] if
// the data cannot be JSON, since it has a number that is not finite.
func (e *Received) AppendJSON(b []byte) ([]byte, error) {
	out, err := e.entry.data.AppendJSON(b, e.event.ref())
	if err != nil {
		return b, &EncodeError{EventType: e.EventType, Fields: fieldErrors(err)}
	}
	return out, nil
}

// AppendKey appends the event key at a key path, as text. Equal keys have equal texts. It returns b and
// an error if the data has no such path.
func (e *Received) AppendKey(b []byte, path string) ([]byte, error) {
	key, err := e.entry.data.keyField(path)
	if err != nil {
		return b, err
	}
	out, err := key.key.AppendText(b, e.event.ref())
	if err != nil {
		return b, &EncodeError{EventType: e.EventType, Fields: fieldErrors(err)}
	}
	return out, nil
}

// DecodeError reports that the data of an event cannot be decoded. It contains no event data.
type DecodeError struct {
	// EventType is the name of the signal.
	EventType string
	// InSchema is true if the schema of the writer is at fault, so that no value with it can be
	// decoded.
	InSchema bool
	// Fields are the faults. It is never empty.
	Fields []FieldError
}

// Error names the event type and has a line for each fault if there are several.
func (e *DecodeError) Error() string {
	if e.InSchema {
		return joinFields(fmt.Sprintf("writer's schema of %q", e.EventType), e.Fields)
	}
	return joinFields(fmt.Sprintf("received data of %q", e.EventType), e.Fields)
}

// Unwrap returns the faults, each a *FieldError.
func (e *DecodeError) Unwrap() []error { return unwrapFields(e.Fields) }

// reader decodes values of one writer's schema, unless err is set.
type reader struct {
	avro *shape.AvroReader
	err  error
}

// maxReaders bounds the schemas whose readers a signal keeps. See docs/security.md.
const maxReaders = 64

// reader returns the reader for a writer's schema, nil for the signal's own schema. It compiles it once,
// as long as there are not more than maxReaders.
func (e *entry) reader(writer *Schema) reader {
	for {
		known := e.readers.Load()
		if known != nil {
			if r, ok := (*known)[writer]; ok {
				return r
			}
		}
		r := e.newReader(writer)
		next := map[*Schema]reader{writer: r}
		if known != nil && len(*known) < maxReaders {
			maps.Copy(next, *known)
		}
		if e.readers.CompareAndSwap(known, &next) {
			return r
		}
	}
}

func (e *entry) newReader(writer *Schema) reader {
	if writer == nil {
		writer = &Schema{Text: e.data.Schema(e.def.eventType)}
	}
	schema, err := shape.ParseSchema(writer.Text)
	if err == nil {
		var avro *shape.AvroReader
		if avro, err = e.data.AvroReader(schema, e.def.eventType+".CloudEvent"); err == nil {
			return reader{avro: avro}
		}
	}
	return reader{err: &DecodeError{EventType: e.def.eventType, InSchema: true, Fields: fieldErrors(err)}}
}
