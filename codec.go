package signalcast

import (
	"fmt"

	"github.com/signalcast/signalcast/internal/shape"
)

// Codec encodes event data and event keys and names their schemas. [Avro] is the
// default and the format of the Open edX event bus. [JSON] is for consumers
// without schemas. A Codec of your own may use any format.
//
// A Codec must be safe for concurrent use.
type Codec interface {
	// ContentType returns the media type of the bytes.
	ContentType() string
	// Compile returns the encoder for one event type. A dispatcher calls it once
	// per event type.
	Compile(def Definition) (Encoder, error)
}

// Encoder encodes the data of one event type. It must be safe for concurrent use. It must
// not keep dst, which the dispatcher owns.
type Encoder interface {
	// ValueSchema returns the schema of the bytes that AppendValue writes, or nil if
	// the codec has no schemas. Every call returns the same pointer.
	ValueSchema() *Schema
	// AppendValue appends the encoded event data to dst and returns the extended
	// slice. The error is an [*EncodeError] if the data cannot be encoded.
	AppendValue(dst []byte, data Data) ([]byte, error)
	// KeySchema returns the schema of the bytes that AppendKey writes for k, or nil.
	// Every call for one k returns the same pointer.
	KeySchema(k *KeyField) *Schema
	// AppendKey appends the encoded event key to dst and returns the extended slice.
	// [KeyField.Value] reads the key. The dispatcher calls AppendKey once per event and
	// key path, after AppendValue has succeeded for the same data.
	AppendKey(dst []byte, k *KeyField, data Data) ([]byte, error)
}

// Data is the data of one event, as an [Encoder] gets it. It is valid during the call
// only.
type Data struct {
	entry *entry
	ref   shape.Ref
}

// Value returns a copy of the event data, a value of the signal's type T.
func (d Data) Value() any { return d.ref.Value(d.entry.def.dataType) }

// Avro returns the codec of the Open edX event bus. It encodes the data in Avro's binary
// encoding, as a record CloudEvent in the namespace of the event type, and a key as
// its field in that record.
func Avro() Codec { return avroCodec{} }

// JSON returns the codec for consumers without schemas. It encodes the data as an object
// with wire names, and a key as plain text.
func JSON() Codec { return jsonCodec{} }

// compiledType returns the compiled data type of def. A registered signal has it already.
func compiledType(def Definition) (*shape.Type, error) {
	if e, ok := def.(*entry); ok {
		return e.data.Type, nil
	}
	data, err := shape.Compile(def.DataType())
	if err != nil {
		return nil, fmt.Errorf("signal %q: %w", def.EventType(), err)
	}
	return data, nil
}

type avroCodec struct{}

func (avroCodec) ContentType() string { return "application/avro" }

func (avroCodec) Compile(def Definition) (Encoder, error) {
	data, err := compiledType(def)
	if err != nil {
		return nil, err
	}
	return &avroEncoder{data, &Schema{
		Name: def.EventType() + ".CloudEvent",
		Text: data.Schema(def.EventType()),
	}}, nil
}

type avroEncoder struct {
	data   *shape.Type
	schema *Schema
}

func (e *avroEncoder) ValueSchema() *Schema { return e.schema }

func (e *avroEncoder) AppendValue(dst []byte, data Data) ([]byte, error) {
	dst, err := e.data.AppendAvro(dst, data.ref)
	return dst, data.encodeError(err)
}

func (e *avroEncoder) KeySchema(k *KeyField) *Schema { return k.schema }

func (e *avroEncoder) AppendKey(dst []byte, k *KeyField, data Data) ([]byte, error) {
	dst, err := k.key.AppendAvro(dst, data.ref)
	return dst, data.encodeError(err)
}

type jsonCodec struct{}

func (jsonCodec) ContentType() string { return "application/json" }

func (jsonCodec) Compile(def Definition) (Encoder, error) {
	data, err := compiledType(def)
	if err != nil {
		return nil, err
	}
	return &jsonEncoder{data}, nil
}

type jsonEncoder struct{ data *shape.Type }

func (e *jsonEncoder) ValueSchema() *Schema { return nil }

func (e *jsonEncoder) AppendValue(dst []byte, data Data) ([]byte, error) {
	dst, err := e.data.AppendJSON(dst, data.ref)
	return dst, data.encodeError(err)
}

func (e *jsonEncoder) KeySchema(*KeyField) *Schema { return nil }

func (e *jsonEncoder) AppendKey(dst []byte, k *KeyField, data Data) ([]byte, error) {
	dst, err := k.key.AppendText(dst, data.ref)
	return dst, data.encodeError(err)
}

// encodeError returns err, unless it is nil, as an *EncodeError of the event type.
func (d Data) encodeError(err error) error {
	if err == nil {
		return nil
	}
	return &EncodeError{EventType: d.entry.def.eventType, Fields: fieldErrors(err)}
}
