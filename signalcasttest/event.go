package signalcasttest

import (
	"context"
	"testing"

	"github.com/signalcast/signalcast"
)

// RequireEvent returns the one event of a signal that was published. With no such event, or more than one, it
// fails the test and lists what was published. An event for several topics counts once. It first waits
// for events that were sent with SendAsync.
//
//	event := signalcasttest.RequireEvent(t, bus, learning.CourseEnrollmentCreated)
//	require.Equal(t, "verified", event.Data.Enrollment.Mode)
func RequireEvent[T any](t testing.TB, bus *Bus, signal *signalcast.Signal[T]) signalcast.Event[T] {
	t.Helper()
	events := Events(t, bus, signal)
	switch len(events) {
	case 0:
		t.Fatalf("no event of type %q was published; %s", signal.EventType(), bus.published())
	case 1:
	default:
		t.Fatalf("%d events of type %q were published; want one; %s", len(events), signal.EventType(), bus.published())
	}
	return events[0]
}

// Events returns the events of a signal that were published, in the order in which they were stored. An
// event for several topics is one event. It first waits for events that were sent with SendAsync.
//
// Events decodes the bytes that were published, so it returns what a consumer gets. It fails the test if
// they cannot be decoded: if T has a type with MarshalText but without UnmarshalText, or if the codec is
// neither [signalcast.Avro] nor [signalcast.JSON].
func Events[T any](t testing.TB, bus *Bus, signal *signalcast.Signal[T]) []signalcast.Event[T] {
	t.Helper()
	bus.flush(t)
	var events []signalcast.Event[T]
	seen := map[signalcast.UUID]bool{}
	for _, m := range bus.Backend.Messages() {
		if m.Event.EventType != signal.EventType() || seen[m.Event.ID] {
			continue
		}
		seen[m.Event.ID] = true
		events = append(events, decode(t, signal, m.Event))
	}
	return events
}

// decode decodes an event in a registry of its own, so that the receivers of the test do not get it.
func decode[T any](t testing.TB, signal *signalcast.Signal[T], e *signalcast.Envelope) (event signalcast.Event[T]) {
	t.Helper()
	require := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("decode an event: %v", err)
		}
	}
	registry := signalcast.NewRegistry()
	require(registry.Register(signal))
	_, err := signal.Connect(registry, func(_ context.Context, received signalcast.Event[T]) error {
		event = received
		return nil
	})
	require(err)
	switch e.ContentType {
	case signalcast.Avro().ContentType():
		received, err := registry.Decode(e.Metadata, e.ValueSchema, e.Value)
		require(err)
		require(received.Deliver(t.Context()))
	case signalcast.JSON().ContentType():
		require(registry.SendJSON(t.Context(), e.EventType, e.Value, signalcast.FromBus(e.Metadata)))
	default:
		t.Fatalf("found content type %q; want %q or %q", e.ContentType, signalcast.Avro().ContentType(), signalcast.JSON().ContentType())
	}
	event.Metadata = e.Metadata // FromEventBus is false, as for the receivers of the sender
	return event
}
