//go:build integration

package integration_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx/learning"
)

func TestPartitionOfKeyEqualsTheReference(t *testing.T) {
	t.Parallel()
	const partitions, keys = 6, 200
	prefix := uniquePrefix()
	topic := prefix + "-registrations"
	createTopic(t, topic, partitions)
	events := make([]string, keys)
	for i := range events {
		events[i] = fmt.Sprintf(`{"user": {"id": %d, "is_active": true, "pii": `+
			`{"username": "użytkownik-%d", "email": "u@example.org", "name": "U"}}}`, i+1, i*i)
	}

	sendWithReference(t, topic, events)
	for _, client := range kafkaClients() {
		backend, err := client.new(kafkaConfig(t))
		require.NoError(t, err)
		sendRegistrations(t, backend, prefix, client.name, events)
	}

	places := map[string]map[string]int32{} // source, key: partition
	used := map[int32]bool{}
	for _, record := range readRecords(t, topic, keys*(1+len(kafkaClients()))) {
		source := string(record.Headers[5].Value)
		if places[source] == nil {
			places[source] = map[string]int32{}
		}
		places[source][string(record.Key)] = record.Partition
		used[record.Partition] = true
	}
	reference := places["openedx/reference/web"]
	require.Len(t, reference, keys)
	require.Len(t, used, partitions)
	for _, client := range kafkaClients() {
		require.Equal(t, reference, places[client.name], client.name)
	}
}

// sendRegistrations sends events to a backend, with the name of the user as the key.
func sendRegistrations(t *testing.T, backend signalcast.Backend, prefix, source string, events []string) {
	t.Helper()
	registry := openedxRegistry(t, signalcast.WithSource(source))
	eventType := learning.StudentRegistrationCompleted.EventType()
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, signalcast.ProducerConfig{
		eventType: {"registrations": {EventKeyField: new("user.pii.username"), Enabled: new(true)}},
	}, backend, signalcast.WithTopicPrefix(prefix))
	require.NoError(t, err)
	for _, data := range events {
		require.NoError(t, registry.SendJSON(t.Context(), eventType, []byte(data)))
	}
	require.NoError(t, dispatcher.Close(t.Context()))
}

// sendWithReference sends the same events with the producer of the reference.
func sendWithReference(t *testing.T, topic string, events []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), setting(t, "SIGNALCAST_TEST_PYTHON"), "../reference/produce_kafka.py",
		"--brokers", setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS"), "--registry", setting(t, "SIGNALCAST_TEST_REGISTRY_URL"),
		"--topic", topic, "--key-field", "user.pii.username", learning.StudentRegistrationCompleted.EventType())
	cmd.Stdin = strings.NewReader(strings.Join(events, "\n"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func createTopic(t *testing.T, topic string, partitions int32) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS")))
	require.NoError(t, err)
	defer client.Close()
	created, err := kadm.NewClient(client).CreateTopic(t.Context(), partitions, 1, nil, topic)
	require.NoError(t, err)
	require.NoError(t, created.Err)
}
