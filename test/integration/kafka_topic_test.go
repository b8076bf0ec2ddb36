//go:build integration

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/openedx/learning"
)

// registrations sends events to the topic prefix-registrations.
type registrations struct {
	registry   *signalcast.Registry
	dispatcher *signalcast.Dispatcher
	sent       int
}

func newRegistrations(t *testing.T, client kafkaClient, prefix string) *registrations {
	t.Helper()
	backend, err := client.new(kafkaConfig(t))
	require.NoError(t, err)
	r := &registrations{registry: openedxRegistry(t)}
	r.dispatcher, err = signalcast.NewDispatcher(t.Context(), r.registry, signalcast.ProducerConfig{
		learning.StudentRegistrationCompleted.EventType(): {"registrations": {EventKeyField: new("user.pii.username"), Enabled: new(true)}},
	}, backend, signalcast.WithTopicPrefix(prefix))
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.dispatcher.Close(context.Background()) })
	return r
}

// send sends n events with names of the given length, and waits for their outcomes.
func (r *registrations) send(t *testing.T, n, length int) {
	t.Helper()
	for range n {
		r.sent++
		_, err := learning.StudentRegistrationCompleted.SendAsync(t.Context(), r.registry, learning.UserEvent{User: learning.UserData{
			ID: int64(r.sent), PII: learning.UserPersonalData{Username: fmt.Sprint("user-", r.sent), Name: strings.Repeat("n", length)},
		}})
		require.NoError(t, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, r.dispatcher.Flush(ctx))
	require.EqualValues(t, r.sent, r.dispatcher.Stats().Delivered)
}

func newAdmin(t *testing.T) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS")))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

// A topic that is created again with fewer partitions gets messages again.
func TestShrunkTopicGetsMessagesAgain(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		prefix := uniquePrefix()
		topic := prefix + "-registrations"
		createTopic(t, topic, 4)
		r := newRegistrations(t, client, prefix)
		r.send(t, 100, 10)

		admin := newAdmin(t)
		deleted, err := admin.DeleteTopics(t.Context(), topic)
		require.NoError(t, err)
		require.NoError(t, deleted.Error())
		require.Eventually(t, func() bool {
			created, err := admin.CreateTopic(t.Context(), 1, 1, nil, topic)
			return err == nil && (created.Err == nil || errors.Is(created.Err, kerr.TopicAlreadyExists))
		}, 30*time.Second, 50*time.Millisecond)
		before := time.Now()
		r.send(t, 500, 10)
		t.Logf("all messages delivered after %v", time.Since(before))
		requireEach(t, topic, 500)
	})
}

// requireEach requires that a topic has n events, each at least once. Brokers that delete a topic forget what its producers have
// written, so that an attempt that is repeated can be stored twice.
func requireEach(t *testing.T, topic string, n int) {
	t.Helper()
	ids := map[string]bool{}
	for _, r := range kafkatest.Read(t, topic, kgo.SeedBrokers(setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS"))) {
		for _, h := range r.Headers {
			if h.Key == "ce_id" {
				ids[string(h.Value)] = true
			}
		}
	}
	require.Len(t, ids, n)
}

// A batch whose messages together exceed the limit of the topic is divided. No message is too large itself.
func TestTopicWithALowerLimitGetsSmallerBatches(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		prefix := uniquePrefix()
		topic := prefix + "-registrations"
		limit := "20000"
		created, err := newAdmin(t).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, topic)
		require.NoError(t, err)
		require.NoError(t, created.Err)
		r := newRegistrations(t, client, prefix)
		r.send(t, 1000, 1000)
		readRecords(t, topic, 1000)
	})
}
