package signalcast

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/signalcast/signalcast/internal/shape"
)

// Codec turns event data and event keys into bytes and names their schemas.
// [Avro] is the default and what the Open edX event bus speaks; [JSON] is the
// alternative for consumers without a schema.
//
// A Codec is safe for concurrent use.
type Codec interface {
	// ContentType is the media type of the bytes.
	ContentType() string
	// Compile prepares the encoding of one event type's data. It is called once
	// per event type and dispatcher.
	Compile(def Definition) (Encoder, error)
}

// Encoder encodes the data of one event type. It is safe for concurrent use.
type Encoder interface {
	// ValueSchema describes what AppendValue writes, nil where there is no schema.
	ValueSchema() *Schema
	// AppendValue appends the encoded event data to dst. A value that cannot be
	// written is an *EncodeError; what was appended by then is to be ignored.
	AppendValue(dst []byte, data Data) ([]byte, error)
	// KeySchema describes what AppendKey writes for k, nil where there is no schema.
	KeySchema(k *KeyField) *Schema
	// AppendKey appends the encoded value of one field of the event data to dst. It
	// is called once per event for each key path.
	AppendKey(dst []byte, k *KeyField, data Data) ([]byte, error)
}

// Data is the data of one event, as an [Encoder] gets it. It is valid during the call only.
type Data struct {
	entry *entry
	ref   shape.Ref
}

// Value returns a copy of the event data, as a value of the signal's type T.
// It is for codecs that are not made from the compiled type.
func (d Data) Value() any { return d.ref.Value(d.entry.def.dataType) }

// copied refers to a copy on the heap: the original is on the sender's stack,
// and a codec that is not ours may keep what it is given.
func (d Data) copied() Data {
	heap := reflect.New(d.entry.def.dataType).Elem()
	heap.Set(reflect.ValueOf(d.Value()))
	return Data{d.entry, shape.RefOfValue(heap)}
}

// builtIn reports whether c keeps nothing of the Data that it is given.
func builtIn(c Codec) bool {
	switch c.(type) {
	case avroCodec, jsonCodec:
		return true
	default:
		return false
	}
}

// compile prepares the encoding of a registered signal's data. The codecs of this
// package take the type as the registry has compiled it.
func compile(c Codec, e *entry) (Encoder, error) {
	switch c := c.(type) {
	case avroCodec:
		return c.encoder(e.self, e.data.Type), nil
	case jsonCodec:
		return &jsonEncoder{e.data.Type}, nil
	default:
		return c.Compile(e.self) //nolint:wrapcheck // a codec names the signal itself
	}
}

// Avro returns the codec of the Open edX event bus: the data as a record named
// CloudEvent in the event type's namespace, in Avro's binary encoding; a key as
// the field that it is.
func Avro() Codec { return avroCodec{} }

// JSON returns the codec for consumers without a schema: the data as an object
// on wire names, a key as its plain text.
func JSON() Codec { return jsonCodec{} }

type avroCodec struct{}

func (avroCodec) ContentType() string { return "application/avro" }

func (c avroCodec) Compile(def Definition) (Encoder, error) {
	data, err := shape.Compile(def.DataType())
	if err != nil {
		return nil, fmt.Errorf("signal %q: %w", def.EventType(), err)
	}
	return c.encoder(def, data), nil
}

func (avroCodec) encoder(def Definition, data *shape.Type) *avroEncoder {
	return &avroEncoder{data, &Schema{
		Name: def.EventType() + ".CloudEvent",
		Text: data.Schema(def.EventType()),
	}}
}

type avroEncoder struct {
	data   *shape.Type
	schema *Schema
}

func (e *avroEncoder) ValueSchema() *Schema { return e.schema }

func (e *avroEncoder) AppendValue(dst []byte, data Data) ([]byte, error) {
	dst, err := e.data.AppendAvro(dst, data.ref)
	return dst, data.fault(err)
}

// appendWithKeys is AppendValue and sets at to where keys, in the order of the
// data, lie in the value.
func (e *avroEncoder) appendWithKeys(dst []byte, data Data, keys []*shape.Key, at []shape.Span) ([]byte, error) {
	dst, err := e.data.AppendAvroWithKeys(dst, data.ref, keys, at)
	return dst, data.fault(err)
}

func (e *avroEncoder) KeySchema(k *KeyField) *Schema { return k.schema }

func (e *avroEncoder) AppendKey(dst []byte, k *KeyField, data Data) ([]byte, error) {
	dst, err := k.key.AppendAvro(dst, data.ref)
	return dst, data.fault(err)
}

type jsonCodec struct{}

func (jsonCodec) ContentType() string { return "application/json" }

func (jsonCodec) Compile(def Definition) (Encoder, error) {
	data, err := shape.Compile(def.DataType())
	if err != nil {
		return nil, fmt.Errorf("signal %q: %w", def.EventType(), err)
	}
	return &jsonEncoder{data}, nil
}

type jsonEncoder struct{ data *shape.Type }

func (e *jsonEncoder) ValueSchema() *Schema { return nil }

func (e *jsonEncoder) AppendValue(dst []byte, data Data) ([]byte, error) {
	dst, err := e.data.AppendJSON(dst, data.ref)
	return dst, data.fault(err)
}

func (e *jsonEncoder) KeySchema(*KeyField) *Schema { return nil }

func (e *jsonEncoder) AppendKey(dst []byte, k *KeyField, data Data) ([]byte, error) {
	dst, err := k.key.AppendText(dst, data.ref)
	return dst, data.fault(err)
}

// fault says of which event type a value could not be written.
func (d Data) fault(err error) error {
	if err == nil {
		return nil
	}
	fault := &EncodeError{EventType: d.entry.def.eventType, Err: err}
	var value *shape.ValueError
	if errors.As(err, &value) {
		fault.Field, fault.Err = value.Path, value.Err
	}
	return fault
}
