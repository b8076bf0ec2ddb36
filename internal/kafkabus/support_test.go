package kafkabus_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

const (
	// patience is how long tests wait for a condition that must become true.
	patience = slowness * 20 * time.Second
	// soon is a delivery timeout that passes in a test. Without the race detector, it is the shortest allowed.
	soon = slowness * time.Second
	// briefly is the deadline of a context that ends in a test.
	briefly = 50 * time.Millisecond

	eventType = "org.example.thing.happened.v1"
)

// schemas of the messages, whose pointers backends may use as keys.
type schemas struct{ value, key *signalcast.Schema }

func newSchemas() schemas {
	return schemas{
		value: &signalcast.Schema{
			Name: eventType + ".CloudEvent",
			Text: `{"fields": [{"name": "data", "type": "bytes"}], "name": "CloudEvent", "namespace": "` + eventType + `", "type": "record"}`,
		},
		key: &signalcast.Schema{Name: "string", Text: `{"name": "key", "type": "string"}`},
	}
}

// route is an enabled route to the topic.
func (s schemas) route(topic string) signalcast.Route {
	return signalcast.Route{
		EventType: eventType, Topic: topic, KeyPath: "key", Enabled: true,
		ContentType: "application/avro", ValueSchema: s.value, KeySchema: s.key,
	}
}

// message is number n of a key; without schemas it is as the JSON codec makes them.
func (s schemas) message(topic, key string, n int) *signalcast.Message {
	m := &signalcast.Message{
		Topic: topic, Key: []byte(key), KeySchema: s.key,
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{
				ID: signalcast.NewUUID(), EventType: eventType, Source: "openedx/test/web", SourceHost: "host",
				Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), SourceLib: "1.0",
			},
			Value: []byte(key + "/" + strconv.Itoa(n)), ValueSchema: s.value, ContentType: "application/avro",
		},
	}
	if s.value == nil {
		m.Event.ContentType = "application/json"
	}
	return m
}

// outcome is what became of one message.
type outcome struct {
	receipt signalcast.Receipt
	err     error
}

func publish(t *testing.T, b signalcast.Backend, m *signalcast.Message) <-chan outcome {
	t.Helper()
	known := make(chan outcome, 2)
	require.NoError(t, b.Publish(t.Context(), m, func(r signalcast.Receipt, err error) { known <- outcome{r, err} }))
	return known
}

func await(t *testing.T, known <-chan outcome) outcome {
	t.Helper()
	select {
	case o := <-known:
		return o
	case <-time.After(patience):
		require.Fail(t, "no outcome")
		return outcome{}
	}
}

// failure waits for an outcome that is a failure with this fate.
func failure(t *testing.T, known <-chan outcome, fate signalcast.Fate) error {
	t.Helper()
	o := await(t, known)
	var failed *signalcast.DeliveryError
	require.ErrorAs(t, o.err, &failed)
	require.Equal(t, fate.String(), failed.Fate.String(), "fate of: %v", o.err)
	return o.err
}

func delivered(t *testing.T, known ...<-chan outcome) {
	t.Helper()
	for i, k := range known {
		require.NoError(t, await(t, k).err, "message %d", i)
	}
}

// reach publishes messages to a topic until one is delivered. On a busy machine, the first ones may time out.
func reach(t *testing.T, b signalcast.Backend, topic string) {
	t.Helper()
	require.Eventually(t, func() bool {
		return await(t, publish(t, b, plain.message(topic, "key", 1))).err == nil
	}, patience, patience/200)
}

// start makes a backend that is closed with the test, and prepares it for topics.
func start(t *testing.T, open kafkatest.Open, c kafkabus.Config, routes ...signalcast.Route) signalcast.Backend {
	t.Helper()
	b, err := open(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = b.Close(ctx)
	})
	require.NoError(t, b.Prepare(t.Context(), routes))
	return b
}
