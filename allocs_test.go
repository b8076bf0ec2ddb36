//go:build !race

package signalcast_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// Not parallel: other tests would be counted too.
//
//nolint:paralleltest // AllocsPerRun counts the whole process
func TestSuppressedEventAllocatesNothing(t *testing.T) {
	s := openShop(t, []string{"a", "b"})
	require.NoError(t, s.dispatcher.SwitchOff(signalcast.Switch{Reason: "test"}))
	data, ctx := order{Number: "17"}, t.Context()
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = s.placed.Send(ctx, s.registry, data) }))
}

// Not parallel: other tests would be counted too.
//
//nolint:paralleltest // AllocsPerRun counts the whole process
func TestAllocationsOfAnEvent(t *testing.T) {
	data := order{Number: "17", Customer: customer{4, "a@example.org"}, Items: []string{"x", "y"}, Note: new("gift")}
	for name, c := range map[string]struct {
		topics  []string
		options []signalcast.RegistryOption
		max     float64
	}{
		"to no topic":                 {nil, nil, 0},
		"to no topic, local registry": {nil, []signalcast.RegistryOption{signalcast.LocalOnly()}, 0},
		"to one topic":                {[]string{"a"}, nil, 2},
		"to two topics":               {[]string{"a", "b"}, nil, 4},
		"to five topics":              {[]string{"a", "b", "c", "d", "e"}, nil, 7},
		"to twelve topics":            {strings.Split("abcdefghijkl", ""), nil, 14},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, c.options...)
			if c.options == nil {
				s.dispatch(t, ordersTo(c.topics...), discard{})
			}
			ctx := t.Context()
			var err error
			require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { err = s.placed.Send(ctx, s.registry, data) }), c.max, "Send")
			require.NoError(t, err)
			require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { _, err = s.placed.SendAsync(ctx, s.registry, data) }), c.max, "SendAsync")
			require.NoError(t, err)
		})
	}
}

// A schema is compiled once. Compiling it takes more than 100 allocations.
//
//nolint:paralleltest // AllocsPerRun counts the whole process
func TestAllocationsOfDecode(t *testing.T) {
	s := newShop(t)
	event := s.published(t, anOrder())
	invalid := &signalcast.Schema{Text: "{"}
	for name, c := range map[string]struct {
		writer *signalcast.Schema
		max    float64
	}{
		"the event, its strings, its list and its pointer": {event.ValueSchema, 4},
		"without a schema":  {nil, 4},
		"an invalid schema": {invalid, 0},
	} {
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _, _ = s.registry.Decode(incoming(), c.writer, event.Value) }), c.max, name)
	}
}

// Events share blocks of memory, and their strings are part of the value.
//
//nolint:paralleltest // AllocsPerRun counts the whole process
func TestAllocationsOfADecoder(t *testing.T) {
	s := newShop(t)
	event := s.published(t, order{Number: "7", Customer: customer{1, "ada@example.org"}, Items: []string{}})
	decoder := s.registry.NewDecoder()
	decode := func() { _, _ = decoder.Decode(incoming(), event.ValueSchema, event.Value) }
	require.Zero(t, testing.AllocsPerRun(1000, decode), "less than 1 for each event")
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		decode()
		decoder.Reset()
	}), 2.0)
}
