package signalcast_test

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

var errUncompilable = errors.New("this codec does not do that")

// uncompilable is a codec that takes no event type.
type uncompilable struct{ signalcast.Codec }

func (uncompilable) Compile(signalcast.Definition) (signalcast.Encoder, error) {
	return nil, errUncompilable
}

// countingCodec counts what another codec does.
type countingCodec struct {
	signalcast.Codec

	failKeys                      bool
	compiled, values, encodedKeys atomic.Int64
}

func (c *countingCodec) Compile(def signalcast.Definition) (signalcast.Encoder, error) {
	c.compiled.Add(1)
	encoder, err := c.Codec.Compile(def)
	return &countingEncoder{encoder, c}, err
}

type countingEncoder struct {
	signalcast.Encoder

	counts *countingCodec
}

func (e *countingEncoder) AppendValue(dst []byte, data signalcast.Data) ([]byte, error) {
	e.counts.values.Add(1)
	return e.Encoder.AppendValue(dst, data)
}

func (e *countingEncoder) AppendKey(dst []byte, k *signalcast.KeyField, data signalcast.Data) ([]byte, error) {
	e.counts.encodedKeys.Add(1)
	if e.counts.failKeys {
		return dst, errUncompilable
	}
	return e.Encoder.AppendKey(dst, k, data)
}

func TestJSONCodecWritesObjectsAndPlainKeys(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	d := s.dispatch(t, signalcast.ProducerConfig{orderPlaced: {
		"by-customer": {EventKeyField: new("customer.id"), Enabled: new(true)},
		"by-number":   {EventKeyField: new("number"), Enabled: new(true)},
		"keyless":     {Keyless: new(true), Enabled: new(true)},
	}}, s.backend, signalcast.WithCodec(signalcast.JSON()))
	require.NoError(t, s.send(t, order{Number: "17", Customer: customer{4, "ä@example.org"}, Items: []string{"<x>"}}))
	messages := s.backend.Messages()
	require.Equal(t, "4", string(messages[0].Key))
	require.Equal(t, "17", string(messages[1].Key))
	require.Nil(t, messages[2].Key)
	for _, m := range messages {
		require.Equal(t, "application/json", m.Event.ContentType)
		require.Nil(t, m.Event.ValueSchema)
		require.Nil(t, m.KeySchema)
		require.JSONEq(t, `{"number": "17", "customer": {"id": 4, "email": "ä@example.org"}, "items": ["<x>"], "note": null}`, string(m.Event.Value))
	}
	for _, route := range d.Routes() {
		require.Nil(t, route.ValueSchema)
		require.Nil(t, route.KeySchema)
	}
	s.backend.Reset()
	require.NoError(t, s.send(t, order{}))
	empty := s.backend.Messages("by-number")[0]
	require.NotNil(t, empty.Key, "an empty key is a key")
	require.Empty(t, empty.Key)

	planned, err := d.Plan(orderPlaced, empty.Event.Value)
	require.NoError(t, err, "what it writes can be sent again")
	require.Equal(t, string(empty.Event.Value), string(planned[0].Event.Value))
}

// valueCodec is made from the Go value, as a codec of another library is. The
// zero value takes no bytes.
type valueCodec struct{}

func (valueCodec) ContentType() string { return "application/x-value" }

func (valueCodec) Compile(signalcast.Definition) (signalcast.Encoder, error) {
	return valueCodec{}, nil
}

func (valueCodec) ValueSchema() *signalcast.Schema { return nil }

func (valueCodec) KeySchema(*signalcast.KeyField) *signalcast.Schema { return nil }

func (valueCodec) AppendKey(dst []byte, k *signalcast.KeyField, data signalcast.Data) ([]byte, error) {
	return append(dst, k.Value(data).(string)...), nil //nolint:forcetypeassert // the test's own data
}

func (valueCodec) AppendValue(dst []byte, data signalcast.Data) ([]byte, error) {
	value := data.Value().(order) //nolint:forcetypeassert // the test's own data
	if value.Number == "" {
		return dst, nil
	}
	text, err := json.Marshal(value)
	return append(dst, text...), err
}

func TestCodecMayUseTheGoValue(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"}, signalcast.WithCodec(valueCodec{}))
	data := order{Number: "17", Items: []string{"x"}}
	require.NoError(t, s.send(t, data))
	m := s.backend.Messages()[0]
	require.Equal(t, "17", string(m.Key))
	var read order
	require.NoError(t, json.Unmarshal(m.Event.Value, &read))
	require.Equal(t, data, read)

	require.NoError(t, s.registry.SendJSON(t.Context(), orderPlaced, []byte(`{"number": "", "customer": {"id": 1, "email": ""}}`)))
	m = s.backend.Messages()[1]
	require.Empty(t, m.Event.Value)
	require.NotNil(t, m.Key, "nil is for keyless topics only")
	require.Empty(t, m.Key)
}
