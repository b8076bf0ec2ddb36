//go:build integration

package integration_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/openedx/learning"
)

// The producer of the reference sends every event type, and consumers in Go and in Python read all of them.
func TestConsumersReadEveryEventTypeOfTheReference(t *testing.T) {
	t.Parallel()
	events := goldenEvents(t)
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		stream := uniquePrefix() + "-all"
		args := []string{"--url", setting(t, "SIGNALCAST_TEST_REDIS_URL"), "--stream", stream}
		for _, event := range events {
			args = append(args, event.EventType)
		}
		count := produceWithReference(t, "produce_redis.py", args...)

		got := consumeAll(t, redisSource(t, "go", stream), count)

		require.Empty(t, got.rejected)
		requireSamples(t, events, got.events)
		inPython, _, err := readRedisWithReference(t, stream, count)
		require.NoError(t, err)
		require.Len(t, inPython, count, "a group in Python reads the same stream")
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		topic := uniquePrefix() + "-all"
		createTopic(t, topic, 1)
		args := []string{
			"--brokers", setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS"),
			"--registry", setting(t, "SIGNALCAST_TEST_REGISTRY_URL"), "--topic", topic,
		}
		var sent []goldenEvent
		for _, event := range events {
			if !strings.Contains(event.EventType, "-") { // a registry rejects a namespace with a hyphen
				sent = append(sent, event)
				args = append(args, event.EventType+"="+event.keyField)
			}
		}
		count := produceWithReference(t, "produce_kafka_samples.py", args...)

		got := consumeAll(t, kafkaSource(t, "go-"+topic, topic), count)

		require.Empty(t, got.rejected)
		requireSamples(t, sent, got.events)
		inPython, _, err := readWithReference(t, "check_kafka.py", count,
			"--brokers", setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS"),
			"--registry", setting(t, "SIGNALCAST_TEST_REGISTRY_URL"), "--topic", topic)
		require.NoError(t, err)
		require.Len(t, inPython, count, "a group in Python reads the same topic")
	})
}

// A receiver sends the event that it received once more. Only another event reaches the bus.
func TestEventsFromTheBusAreNotPublishedAgain(t *testing.T) {
	t.Parallel()
	prefix := uniquePrefix()
	url := setting(t, "SIGNALCAST_TEST_REDIS_URL")
	backend, err := redisbus.New(redisbus.Config{URL: url})
	require.NoError(t, err)
	eventType := learning.StudentRegistrationCompleted.EventType()
	config := signalcast.ProducerConfig{
		eventType: {"users": {EventKeyField: new("user.pii.username"), Enabled: new(true)}},
	}
	registry := openedxRegistry(t)
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, config, backend, signalcast.WithTopicPrefix(prefix))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	received := map[signalcast.UUID]bool{}
	_, err = learning.StudentRegistrationCompleted.Connect(registry, func(ctx context.Context, e signalcast.Event[learning.UserEvent]) error {
		if !e.FromEventBus || received[e.ID] { // sent by the test, or by this receiver
			return nil
		}
		received[e.ID] = true
		require.NoError(t, learning.StudentRegistrationCompleted.Send(ctx, registry, e.Data, signalcast.FromBus(e.Metadata)))
		if len(received) == 5 {
			cancel()
		}
		return nil
	})
	require.NoError(t, err)
	for _, event := range goldenEvents(t) {
		if event.EventType == eventType {
			for _, sample := range event.Samples {
				require.NoError(t, registry.SendJSON(t.Context(), eventType, sample.Data, signalcast.WithMetadata(sample.Metadata)))
			}
		}
	}
	consumer, err := consume.New(registry, redisSource(t, "go", prefix+"-users"), consume.Config{Concurrency: 1})
	require.NoError(t, err)
	require.NoError(t, consumer.Run(ctx))
	require.NoError(t, dispatcher.Close(t.Context()))

	require.Len(t, received, 5)
	require.Len(t, streamEntries(t, prefix+"-users"), 5)
}
