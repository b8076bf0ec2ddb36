package signalcasttest_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/signalcasttest"
)

// toTwoTopics publishes both signals to the topics a and b.
func toTwoTopics() signalcast.ProducerConfig {
	topics := map[string]signalcast.TopicConfig{}
	for _, topic := range []string{"a", "b"} {
		topics[topic] = signalcast.TopicConfig{EventKeyField: new("course"), Enabled: new(true)}
	}
	return signalcast.ProducerConfig{enrolled.EventType(): topics, left.EventType(): topics}
}

func TestRequireEventReturnsTheDataAsItsType(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]signalcast.Codec{"Avro": signalcast.Avro(), "JSON": signalcast.JSON()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := signalcast.NewRegistry()
			require.NoError(t, registry.Register(enrolled, left))
			bus := signalcasttest.Attach(t, registry, toTwoTopics(), signalcast.WithCodec(codec))
			var sent []signalcast.Event[enrollment]
			_, err := enrolled.Connect(registry, func(_ context.Context, e signalcast.Event[enrollment]) error {
				sent = append(sent, e)
				return nil
			})
			require.NoError(t, err)
			data := enrollment{Course: "edX/DemoX", Seats: -3, Active: true, Price: 1.5, Payload: []byte{0xff}}
			_, err = enrolled.SendAsync(t.Context(), registry, data)
			require.NoError(t, err)
			require.NoError(t, left.Send(t.Context(), registry, enrollment{Course: "edX/Other", Payload: []byte{}}))

			require.Equal(t, sent[0], signalcasttest.RequireEvent(t, bus, enrolled))
			require.Equal(t, "edX/Other", signalcasttest.RequireEvent(t, bus, left).Data.Course)
			require.Len(t, sent, 1, "receivers do not get it again")
		})
	}
}

func TestEventsAreInTheOrderInWhichTheyWereSent(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, toTwoTopics(), enrolled, left)
	require.Empty(t, signalcasttest.Events(t, bus, enrolled))
	for seats := range int64(3) {
		require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX", Seats: seats}))
		require.NoError(t, left.Send(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"}))
	}
	events := signalcasttest.Events(t, bus, enrolled)
	require.Len(t, events, 3)
	for i, e := range events {
		require.Equal(t, int64(i), e.Data.Seats)
		require.Equal(t, enrolled.EventType(), e.EventType)
	}
}

func TestRequireEventListsWhatWasPublishedInstead(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled, left)
	require.Contains(t, failureOf(t, func(t testing.TB) { signalcasttest.RequireEvent(t, bus, enrolled) }),
		`no event of type "org.example.enrollment.created.v1" was published; nothing was published; the routes are:`)
	for range 2 {
		require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"}))
	}
	const list = "published messages:\n\t" + `topic "enrollments", key "edX/DemoX", event type org.example.enrollment.created.v1`
	require.Contains(t, failureOf(t, func(t testing.TB) { signalcasttest.RequireEvent(t, bus, left) }),
		`no event of type "org.example.enrollment.removed.v1" was published; `+list)
	require.Contains(t, failureOf(t, func(t testing.TB) { signalcasttest.RequireEvent(t, bus, enrolled) }),
		`2 events of type "org.example.enrollment.created.v1" were published; want one; `+list)
}

// title has a text form that cannot be read.
type title struct{ text string }

func (t title) MarshalText() ([]byte, error) { return []byte(t.text), nil }

type book struct {
	Title title `avro:"title"`
}

// otherCodec is JSON with a content type of its own.
type otherCodec struct{ signalcast.Codec }

func (otherCodec) ContentType() string { return "text/plain" }

func TestRequireEventReportsDataThatItCannotDecode(t *testing.T) {
	t.Parallel()
	printed := signalcast.NewSignal[book]("org.example.book.printed.v1")
	toBooks := signalcast.ProducerConfig{printed.EventType(): {"books": {Keyless: new(true), Enabled: new(true)}}}
	bus := signalcasttest.New(t, toBooks, printed)
	require.NoError(t, printed.Send(t.Context(), bus.Registry, book{}))
	require.Contains(t, failureOf(t, func(t testing.TB) { signalcasttest.RequireEvent(t, bus, printed) }),
		"title: found signalcasttest_test.title, which does not declare UnmarshalText; want a type that declares UnmarshalText")

	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(enrolled))
	bus = signalcasttest.Attach(t, registry, config("enrollments", "course", true), signalcast.WithCodec(otherCodec{signalcast.JSON()}))
	require.NoError(t, enrolled.Send(t.Context(), registry, enrollment{Course: "edX/DemoX"}))
	require.Contains(t, failureOf(t, func(t testing.TB) { signalcasttest.RequireEvent(t, bus, enrolled) }),
		`found content type "text/plain"; want "application/avro" or "application/json"`)
}

func TestRequireEventWaitsForAsynchronousEvents(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
	bus.Backend.Inject(memory.Fault{Delay: time.Millisecond})
	_, err := enrolled.SendAsync(t.Context(), bus.Registry, enrollment{Course: "edX/DemoX"})
	require.NoError(t, err)
	require.Equal(t, "edX/DemoX", signalcasttest.RequireEvent(t, bus, enrolled).Data.Course)
}
