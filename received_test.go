package signalcast_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

// published returns the value and schema of an order as the bus carries them.
func (s *shop) published(t *testing.T, data order) *signalcast.Envelope {
	t.Helper()
	d := s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithSharedBackend())
	require.NoError(t, s.send(t, data))
	messages := s.backend.Messages()
	require.NoError(t, d.Close(t.Context()))
	return messages[len(messages)-1].Event
}

// incoming is the metadata of an event from the bus.
func incoming() signalcast.Metadata {
	return signalcast.Metadata{
		ID: signalcast.UUID{1}, EventType: orderPlaced, MinorVersion: 7, Source: "another/service", SourceHost: "host",
		SourceLib: "1.2", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func anOrder() order {
	return order{Number: "7", Customer: customer{1, "ada@example.org"}, Items: []string{"pen", "ink"}, Note: new("fast")}
}

func TestDecodedEventReachesReceiversOnly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, anOrder())
	s.dispatch(t, ordersTo("orders"), s.backend, signalcast.WithSharedBackend())
	before := len(s.backend.Messages())
	for name, writer := range map[string]*signalcast.Schema{"with its schema": event.ValueSchema, "without a schema": nil} {
		var got []signalcast.Event[order]
		disconnect, err := s.placed.Connect(s.registry, func(_ context.Context, e signalcast.Event[order]) error {
			got = append(got, e)
			return nil
		})
		require.NoError(t, err)
		value := append([]byte{}, event.Value...)
		received, err := s.registry.Decode(incoming(), writer, value)
		require.NoError(t, err)
		clear(value)
		require.NoError(t, received.Deliver(t.Context()))
		require.NoError(t, received.Deliver(t.Context()), "a second Deliver calls no receiver again")
		disconnect()

		want := incoming()
		want.FromEventBus = true
		require.Equal(t, []signalcast.Event[order]{{Metadata: want, Data: anOrder()}}, got, name)
		require.Equal(t, want, received.Metadata)
	}
	require.Len(t, s.backend.Messages(), before, "it is not published again")
	require.Empty(t, s.registry.Unrouted())
}

func TestDeliverRetriesOnlyReceiversThatFailed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, anOrder())
	var calls []string
	failures := map[string]int{"b": 2, "c": 1}
	connect := func(name string) (disconnect func()) {
		disconnect, err := s.placed.Connect(s.registry, func(context.Context, signalcast.Event[order]) error {
			calls = append(calls, name)
			failures[name]--
			switch {
			case failures[name] < 0:
				return nil
			case name == "c":
				panic("secret")
			default:
				return errors.New(name + " failed")
			}
		})
		require.NoError(t, err)
		return disconnect
	}
	connect("a")
	connect("b")
	connect("c")
	received, err := s.registry.Decode(incoming(), event.ValueSchema, event.Value)
	require.NoError(t, err)

	err = received.Deliver(t.Context())
	var failure *signalcast.ReceiverError
	require.ErrorAs(t, err, &failure)
	require.ErrorContains(t, err, "b failed")
	require.ErrorContains(t, err, "panicked with a string")
	require.NotContains(t, err.Error(), "secret")
	connect("late")
	require.ErrorContains(t, received.Deliver(t.Context()), "b failed")
	require.NoError(t, received.Deliver(t.Context()))
	require.NoError(t, received.Deliver(t.Context()))
	require.Equal(t, []string{"a", "b", "c", "b", "c", "b"}, calls)
}

// Assertions of testing call runtime.Goexit, which Deliver cannot recover.
func TestDeliverDoesNotRepeatReceiversThatSucceededBeforeOneEndedTheGoroutine(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, anOrder())
	var calls []string
	for _, name := range []string{"succeeds", "fails", "exits", "behind"} {
		_, err := s.placed.Connect(s.registry, func(context.Context, signalcast.Event[order]) error {
			first := !slices.Contains(calls, name)
			calls = append(calls, name)
			switch {
			case first && name == "fails":
				return errors.New("failed")
			case first && name == "exits":
				runtime.Goexit()
			}
			return nil
		})
		require.NoError(t, err)
	}
	received, err := s.registry.Decode(incoming(), event.ValueSchema, event.Value)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = received.Deliver(t.Context())
	}()
	<-ended
	require.NoError(t, received.Deliver(t.Context()))
	require.NoError(t, received.Deliver(t.Context()))
	require.Equal(t, []string{"succeeds", "fails", "exits", "fails", "exits", "behind"}, calls)
}

func TestDeliverDoesNotCallDisconnectedReceivers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, anOrder())
	calls := 0
	disconnect, err := s.placed.Connect(s.registry, func(context.Context, signalcast.Event[order]) error {
		calls++
		return errors.New("failed")
	})
	require.NoError(t, err)
	received, err := s.registry.Decode(incoming(), event.ValueSchema, event.Value)
	require.NoError(t, err)
	require.Error(t, received.Deliver(t.Context()))
	disconnect()
	require.NoError(t, received.Deliver(t.Context()))
	require.Equal(t, 1, calls)
}

func TestDecodeReportsTheFaultWithoutData(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, order{Number: "secret"})
	for name, c := range map[string]struct {
		writer   *signalcast.Schema
		value    string
		inSchema bool
		want     string
	}{
		"bytes after the value": {event.ValueSchema, string(event.Value) + "\x00", false, `received data of "org.example.order.placed.v1": found bytes after the value; want only the value`},
		"without a schema":      {nil, string(event.Value) + "\x00", false, "found bytes after the value"},
		"a malformed string":    {event.ValueSchema, "\x0csecre\xff", false, "number: found invalid UTF-8; want text in UTF-8"},
		"another schema":        {&signalcast.Schema{Text: strings.Replace(event.ValueSchema.Text, orderPlaced, "org.other", 1)}, string(event.Value), true, `writer's schema of "org.example.order.placed.v1": found record "org.other.CloudEvent"; want record "org.example.order.placed.v1.CloudEvent"`},
		"no schema":             {&signalcast.Schema{Text: "{"}, string(event.Value), true, "found a schema that is not JSON"},
		"a missing field":       {&signalcast.Schema{Text: `{"type": "record", "name": "` + orderPlaced + `.CloudEvent", "fields": []}`}, "", true, "number: missing; want string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // the second time from the cache
				received, err := s.registry.Decode(incoming(), c.writer, []byte(c.value))
				require.Nil(t, received)
				var fault *signalcast.DecodeError
				require.ErrorAs(t, err, &fault)
				require.Equal(t, orderPlaced, fault.EventType)
				require.Equal(t, c.inSchema, fault.InSchema)
				var field *signalcast.FieldError
				require.ErrorAs(t, err, &field)
				require.Equal(t, fault.Fields[0], *field)
				require.ErrorContains(t, err, c.want)
				require.NotContains(t, err.Error(), "secre")
			}
		})
	}
	m := incoming()
	m.EventType = "org.example.unknown.v1"
	_, err := s.registry.Decode(m, nil, nil)
	require.ErrorIs(t, err, signalcast.ErrNotRegistered)
}

func TestDecodeBoundsTheSchemasItKeeps(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, anOrder())
	var freed atomic.Int64
	for range 1000 {
		writer := &signalcast.Schema{Text: event.ValueSchema.Text}
		runtime.AddCleanup(writer, func(n int64) { freed.Add(n) }, 1)
		_, err := s.registry.Decode(incoming(), writer, event.Value)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		runtime.GC()
		return freed.Load() >= 1000-64
	}, 10*time.Second, time.Millisecond)
}

func TestDecodeIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, anOrder())
	var all sync.WaitGroup
	errs := make(chan error, 400)
	for range 4 {
		all.Go(func() {
			for range 100 {
				_, err := s.registry.Decode(incoming(), &signalcast.Schema{Text: event.ValueSchema.Text}, event.Value)
				errs <- err
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

func TestReceivedIsLoggedWithoutData(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	event := s.published(t, order{Number: "secret"})
	received, err := s.registry.Decode(incoming(), nil, event.Value)
	require.NoError(t, err)
	text, err := json.Marshal(received)
	require.NoError(t, err)
	require.NotContains(t, string(text), "secret")
	want, err := json.Marshal(incoming())
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(text))
}
