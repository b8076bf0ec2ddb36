package signalcasttest_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/signalcasttest"
)

type enrollment struct {
	Course  string  `avro:"course"`
	Seats   int64   `avro:"seats"`
	Active  bool    `avro:"active"`
	Price   float64 `avro:"price"`
	Payload []byte  `avro:"payload"`
}

var (
	enrolled = signalcast.NewSignal[enrollment]("org.example.enrollment.created.v1")
	left     = signalcast.NewSignal[enrollment]("org.example.enrollment.removed.v1")
)

func config(topic, keyField string, enabled bool) signalcast.ProducerConfig {
	return signalcast.ProducerConfig{enrolled.EventType(): {topic: {EventKeyField: &keyField, Enabled: &enabled}}}
}

// failing is a test within a test, which may fail without the outer one failing.
type failing struct {
	testing.TB

	message  string
	cleanups []func()
}

func (f *failing) Cleanup(cleanup func()) { f.cleanups = append(f.cleanups, cleanup) }

func (f *failing) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

func (f *failing) Fatal(args ...any) {
	f.message = fmt.Sprint(args...)
	runtime.Goexit()
}

// failureOf returns what ended the test, "" if it passed.
func failureOf(t *testing.T, test func(testing.TB)) string {
	t.Helper()
	f := &failing{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			for _, cleanup := range slices.Backward(f.cleanups) {
				cleanup()
			}
		}()
		test(f)
	}()
	<-ended
	return f.message
}

func TestThreeLinesTestWhatIsPublished(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
	require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"}))
	messages := bus.RequirePublished(t, "enrollments", "edX/DemoX")

	require.Len(t, messages, 1)
	require.Equal(t, enrolled.EventType(), messages[0].Event.EventType)
}

func TestFailureListsWhatWasPublished(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
	require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"}))

	require.Equal(t, `nothing was published to topic "enrollments" with key "edX/Other"; published messages:`+"\n"+
		"\t"+`topic "enrollments", key "edX/DemoX", event type org.example.enrollment.created.v1`,
		failureOf(t, func(t testing.TB) { bus.RequirePublished(t, "enrollments", "edX/Other") }))
	require.Contains(t,
		failureOf(t, func(t testing.TB) { bus.RequirePublished(t, "other", "edX/DemoX") }),
		`nothing was published to topic "other"`)
	require.Contains(t,
		failureOf(t, func(t testing.TB) { bus.RequireNothingPublished(t) }), `published messages:`)
}

func TestFailureWithoutMessagesListsTheRoutes(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, config("enrollments", "course", false), enrolled)
	require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"}))

	bus.RequireNothingPublished(t)
	require.Equal(t, `nothing was published to topic "enrollments" with key "edX/DemoX"; `+
		"nothing was published; the routes are:\n\t"+
		`event type org.example.enrollment.created.v1, topic "enrollments", key path "course", disabled`,
		failureOf(t, func(t testing.TB) { bus.RequirePublished(t, "enrollments", "edX/DemoX") }))
}

func TestInvalidSetupFailsTheTest(t *testing.T) {
	t.Parallel()
	require.Contains(t, failureOf(t, func(t testing.TB) {
		signalcasttest.New(t, config("enrollments", "no_such_field", true), enrolled)
	}), "no_such_field")
	require.Contains(t, failureOf(t, func(t testing.TB) {
		signalcasttest.New(t, nil, signalcast.NewSignal[any]("org.example.anything.v1"))
	}), "register: ")
}

func TestAttachUsesTheRegistryAndOptionsOfTheService(t *testing.T) {
	t.Parallel()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(enrolled, left))
	bus := signalcasttest.Attach(t, registry, config("enrollments", "course", true),
		signalcast.WithTopicPrefix("dev"), signalcast.WithCodec(signalcast.JSON()))
	require.NoError(t, enrolled.Send(t.Context(), registry, enrollment{Course: "edX/DemoX", Seats: 3}))

	m := bus.RequirePublished(t, "dev-enrollments", "edX/DemoX")[0]
	require.JSONEq(t, `{"course": "edX/DemoX", "seats": 3, "active": false, "price": 0, "payload": ""}`, string(m.Event.Value))
}

func TestRequirePublishedWaitsForAsynchronousEvents(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
	bus.Backend.Inject(memory.Fault{Delay: time.Millisecond})
	for range 3 {
		_, err := enrolled.SendAsync(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"})
		require.NoError(t, err)
	}
	require.Len(t, bus.RequirePublished(t, "enrollments", "edX/DemoX"), 3)
}

func TestKeyTextOfEveryKeyType(t *testing.T) {
	t.Parallel()
	data := enrollment{Course: "Ünï", Seats: -42, Active: true, Price: 9.5, Payload: []byte("\xff\x00")}
	for field, want := range map[string]string{
		"course": "Ünï", "seats": "-42", "active": "true", "price": "9.5", "payload": "\xff\x00",
	} {
		for _, codec := range []signalcast.Codec{signalcast.Avro(), signalcast.JSON()} {
			t.Run(field+" as "+codec.ContentType(), func(t *testing.T) {
				t.Parallel()
				registry := signalcast.NewRegistry()
				require.NoError(t, registry.Register(enrolled))
				bus := signalcasttest.Attach(t, registry, config("enrollments", field, true), signalcast.WithCodec(codec))
				require.NoError(t, enrolled.Send(t.Context(), registry, data))
				bus.RequirePublished(t, "enrollments", want)
			})
		}
	}
	t.Run("no key", func(t *testing.T) {
		t.Parallel()
		keyless := true
		bus := signalcasttest.New(t, signalcast.ProducerConfig{
			enrolled.EventType(): {"enrollments": {Keyless: &keyless, Enabled: &keyless}},
		}, enrolled)
		require.NoError(t, enrolled.Send(t.Context(), bus.Registry, data))
		bus.RequirePublished(t, "enrollments", "")
	})
}

func TestParallelTestsDoNotSeeEachOther(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(strings.Repeat("i", i+1), func(t *testing.T) {
			t.Parallel()
			bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
			bus.RequireNothingPublished(t)
			require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"}))
			require.Len(t, bus.RequirePublished(t, "enrollments", "edX/DemoX"), 1)
		})
	}
}

func TestBusIsClosedWithItsTest(t *testing.T) {
	t.Parallel()
	var bus *signalcasttest.Bus
	require.Empty(t, failureOf(t, func(t testing.TB) {
		bus = signalcasttest.New(t, config("enrollments", "course", true), enrolled)
		bus.Backend.Hold()
		_, err := enrolled.SendAsync(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"})
		require.NoError(t, err)
	}))
	require.Zero(t, bus.Backend.Unacknowledged())
	require.ErrorIs(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: "a"}), signalcast.ErrClosed)
}
