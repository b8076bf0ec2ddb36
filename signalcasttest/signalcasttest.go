// Package signalcasttest helps a service to test what it publishes and receives. It uses the memory backend:
//
//	bus := signalcasttest.New(t, config, learning.CourseEnrollmentCreated)
//	err := learning.CourseEnrollmentCreated.Send(t.Context(), bus.Registry, data)
//	bus.RequirePublished(t, "enrollments", "course-v1:edX+DemoX+2026")
//	event := signalcasttest.RequireEvent(t, bus, learning.CourseEnrollmentCreated)
//	handled := bus.Consume(t, receivers, consume.Config{}) // by the receivers of a registry
//
// Each Bus is independent of others, so tests can run in parallel.
package signalcasttest

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	source "github.com/signalcast/signalcast/consume/memory"
)

// Bus is a registry with a dispatcher and a memory backend, for one test. It is closed when the
// test ends. It is safe for concurrent use.
type Bus struct {
	// Registry is where the signals of the test are registered.
	Registry *signalcast.Registry
	// Dispatcher publishes the events of Registry to Backend.
	Dispatcher *signalcast.Dispatcher
	// Backend holds the published messages. It can play faults: a slow broker, a full buffer,
	// lost acknowledgements.
	Backend *memory.Backend

	mu      sync.Mutex
	sources map[place]*source.Source // of Consume
}

// New returns a Bus for the given signals and configuration. An invalid signal or configuration
// fails the test.
func New(t testing.TB, config signalcast.ProducerConfig, signals ...signalcast.Definition) *Bus {
	t.Helper()
	registry := signalcast.NewRegistry()
	if err := registry.Register(signals...); err != nil {
		t.Fatalf("register: %v", err)
	}
	return Attach(t, registry, config)
}

// Attach returns a Bus for the registry of a service. An invalid configuration fails the test.
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
		_ = dispatcher.Close(context.Background()) // fails only if a Close of the test has failed
	})
	return &Bus{Registry: registry, Dispatcher: dispatcher, Backend: backend, sources: map[place]*source.Source{}}
}

// RequirePublished returns the messages that were published to a topic, prefix included, with a key
// whose [KeyText] is key. Without such a message, it fails the test and lists what was published. It
// first waits for events that were sent with SendAsync.
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

// RequireNothingPublished fails the test and lists what was published, if anything was. It first
// waits for events that were sent with SendAsync.
func (b *Bus) RequireNothingPublished(t testing.TB) {
	t.Helper()
	b.flush(t)
	if len(b.Backend.Messages()) > 0 {
		t.Fatal(b.published())
	}
}

// patience bounds the wait for messages in flight. Without faults there is no wait.
const patience = 10 * time.Second

func (b *Bus) flush(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := b.Dispatcher.Flush(ctx); err != nil {
		t.Fatalf("%d messages are not acknowledged: %v", b.Backend.Unacknowledged(), err)
	}
}

// published lists the published messages or, without any, the routes.
func (b *Bus) published() string {
	var list strings.Builder
	messages := b.Backend.Messages()
	if len(messages) > 0 {
		list.WriteString("published messages:")
		for _, m := range messages {
			fmt.Fprintf(&list, "\n\ttopic %q, key %q, event type %s", m.Topic, KeyText(m), m.Event.EventType)
		}
		return list.String()
	}
	list.WriteString("nothing was published; the routes are:")
	for _, r := range b.Dispatcher.Routes() {
		state := "enabled"
		if !r.Enabled {
			state = "disabled"
		}
		fmt.Fprintf(&list, "\n\tevent type %s, topic %q, key path %q, %s", r.EventType, r.Topic, r.KeyPath, state)
	}
	return list.String()
}

// KeyText returns the key of a message as text: a string as it is, a number in decimal, a boolean as
// true or false. It is empty for a message without a key.
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
	default: // a string or bytes, with the length in front
		_, n := binary.Varint(m.Key)
		return string(m.Key[n:])
	}
}
