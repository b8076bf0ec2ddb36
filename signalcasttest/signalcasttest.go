// Package signalcasttest helps a service to test what it publishes, over a
// memory backend:
//
//	bus := signalcasttest.New(t, config, learning.CourseEnrollmentCreated)
//	err := learning.CourseEnrollmentCreated.Send(t.Context(), bus.Registry, data)
//	bus.RequirePublished(t, "enrollments", "course-v1:edX+DemoX+2026")
//
// Each Bus is a world of its own: tests that run in parallel do not see each other.
package signalcasttest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// Bus is a registry and everything that its events meet on their way out, for
// one test. It is closed when the test ends. It is safe for concurrent use.
type Bus struct {
	Registry   *signalcast.Registry
	Dispatcher *signalcast.Dispatcher
	// Backend holds what was published, and plays faults: a slow destination,
	// a full buffer, lost acknowledgements.
	Backend *memory.Backend
}

// New makes a registry with the signals given, and publishes their events as
// config says. A configuration or a signal that is rejected ends the test.
func New(t testing.TB, config signalcast.ProducerConfig, signals ...signalcast.Definition) *Bus {
	t.Helper()
	registry := signalcast.NewRegistry()
	if err := registry.Register(signals...); err != nil {
		t.Fatalf("register: %v", err)
	}
	return Attach(t, registry, config)
}

// Attach publishes the events of the service's own registry as config says.
// A configuration that is rejected ends the test.
func Attach(
	t testing.TB, registry *signalcast.Registry, config signalcast.ProducerConfig, opts ...signalcast.DispatcherOption,
) *Bus {
	t.Helper()
	backend := memory.New()
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, config, backend, opts...)
	if err != nil {
		t.Fatalf("attach a dispatcher: %v", err)
	}
	t.Cleanup(func() {
		backend.Heal()
		_ = dispatcher.Close(context.Background()) // fails only if the test itself closed it in vain, and knows
	})
	return &Bus{Registry: registry, Dispatcher: dispatcher, Backend: backend}
}

// RequirePublished returns the messages that were published to a topic, named
// with its prefix, under a key, given as [KeyText] does. Without any it ends the
// test with a list of what was published. Events still on their way, sent with
// SendAsync, are waited for.
func (b *Bus) RequirePublished(t testing.TB, topic, key string) []*signalcast.Message {
	t.Helper()
	b.flush(t)
	var found []*signalcast.Message
	for _, m := range b.Backend.Messages(topic) {
		if KeyText(m) == key {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		t.Fatalf("nothing was published to topic %q with key %q; %s", topic, key, b.published())
	}
	return found
}

// RequireNothingPublished ends the test, with a list of what was published, if
// anything was. Events still on their way are waited for.
func (b *Bus) RequireNothingPublished(t testing.TB) {
	t.Helper()
	b.flush(t)
	if len(b.Backend.Messages()) > 0 {
		t.Fatal(b.published())
	}
}

// patience bounds the wait for events on their way. Without faults there is no wait.
const patience = 10 * time.Second

func (b *Bus) flush(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Dispatcher.Flush(ctx); err != nil {
		t.Fatalf("%d messages are not acknowledged: %v", b.Backend.Unacknowledged(), err)
	}
}

// published lists what was published, or else what could have been.
func (b *Bus) published() string {
	var list strings.Builder
	messages := b.Backend.Messages()
	if len(messages) > 0 {
		list.WriteString("published were:")
		for _, m := range messages {
			fmt.Fprintf(&list, "\n\ttopic %q, key %q, event type %s", m.Topic, KeyText(m), m.Event.EventType)
		}
		return list.String()
	}
	list.WriteString("nothing was published at all, and the routes are:")
	for _, r := range b.Dispatcher.Routes() {
		state := "enabled"
		if !r.Enabled {
			state = "disabled"
		}
		fmt.Fprintf(&list, "\n\tevent type %s, topic %q, key field %q, %s", r.EventType, r.Topic, r.KeyPath, state)
	}
	return list.String()
}

// KeyText returns the key of a message as text: a string key as it is, a number
// in decimal, true or false. It is empty for a message without a key.
func KeyText(m *signalcast.Message) string {
	if m.KeySchema == nil || len(m.Key) == 0 {
		return string(m.Key)
	}
	switch m.KeySchema.Name {
	case "long":
		n, _ := binary.Varint(m.Key)
		return strconv.FormatInt(n, 10)
	case "boolean":
		return strconv.FormatBool(m.Key[0] != 0)
	case "double":
		return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(m.Key)), 'g', -1, 64)
	default: // a string or bytes, after their length
		_, n := binary.Varint(m.Key)
		return string(m.Key[n:])
	}
}
