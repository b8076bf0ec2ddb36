package signalcast_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

func TestFateHasAText(t *testing.T) {
	t.Parallel()
	for fate, text := range map[signalcast.Fate]string{
		signalcast.FateUnknown:    "unknown",
		signalcast.FateNotWritten: "not written",
		signalcast.FatePending:    "pending",
		77:                        "Fate(77)",
	} {
		require.Equal(t, text, fate.String())
	}
}

func TestDeliveryErrorOfABackendNeedsNoMessage(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := error(&signalcast.DeliveryError{Fate: signalcast.FateNotWritten, Err: broken})
	require.EqualError(t, err, "not written: broken")
	require.ErrorIs(t, err, broken)
}

func TestRegistrationErrorsHaveTheirDetailsInFields(t *testing.T) {
	t.Parallel()
	type data struct {
		A any      `avro:"a"`
		B []uint64 `avro:"b"`
	}
	r := signalcast.NewRegistry()
	err := r.Register(
		signalcast.NewSignal[data]("org.example.b.v1"),
		signalcast.NewSignal[order]("org.example.a.v1"),
		signalcast.NewSignal[customer]("org.example.a.v1"),
	)
	require.ErrorIs(t, err, signalcast.ErrDuplicateEventType)
	invalid, ok := errors.AsType[*signalcast.RegistrationError](err)
	require.True(t, ok)
	require.Len(t, invalid.Signals, 2)
	duplicate, faulty := invalid.Signals[0], invalid.Signals[1]
	require.Equal(t, "org.example.a.v1", duplicate.EventType)
	require.Contains(t, duplicate.Declared, "errors_test.go:")
	require.Contains(t, duplicate.Other, "errors_test.go:")
	require.NotEqual(t, duplicate.Declared, duplicate.Other)
	require.Equal(t, []signalcast.FieldError{
		{Path: "A", Found: "found interface {}", Want: "a concrete type, or a string that holds JSON"},
		{Path: "B[]", Found: "found uint64", Want: "int64, uint32 or string, since integers on the wire are signed 64-bit"},
	}, faulty.Fields)
	require.Contains(t, err.Error(), "A: found interface {}; want a concrete type")
}

func TestEncodeErrorsHaveTheirDetailsInFields(t *testing.T) {
	t.Parallel()
	s := openShop(t, []string{"orders"})
	err := s.registry.SendJSON(t.Context(), orderPlaced, []byte(`{"number": 1, "custmer": {}}`))
	invalid, ok := errors.AsType[*signalcast.EncodeError](err)
	require.True(t, ok)
	require.Equal(t, []signalcast.FieldError{
		{Path: "number", Line: 1, Column: 12, Found: "found a number", Want: "a string"},
		{Line: 1, Column: 15, Found: `unknown field "custmer"`, Nearest: "customer"},
		{Path: "customer", Line: 1, Column: 28, Found: "missing", Want: "an object"},
	}, invalid.Fields)

	err = s.send(t, order{Number: "\xff"})
	field, ok := errors.AsType[*signalcast.FieldError](err)
	require.True(t, ok)
	require.Equal(t, &signalcast.FieldError{Path: "number", Found: "found invalid UTF-8", Want: "text in UTF-8"}, field)
}
