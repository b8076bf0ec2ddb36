//go:build integration

package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/cli"
)

func TestReferenceReadsEventsOfTheCommand(t *testing.T) {
	t.Parallel()
	brokers, _, _ := strings.Cut(setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS"), ",")
	kafkaURL := "kafka://" + brokers + "?registry=" + setting(t, "SIGNALCAST_TEST_REGISTRY_URL") + "&client="
	kafkaArgs := func(topic string) []string {
		return []string{
			"check_kafka.py", "--brokers", setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS"),
			"--registry", setting(t, "SIGNALCAST_TEST_REGISTRY_URL"), "--topic", topic,
		}
	}
	for name, to := range map[string]struct {
		url  string
		read func(topic string) []string
	}{
		"to Redis": {setting(t, "SIGNALCAST_TEST_REDIS_URL"), func(topic string) []string {
			return []string{"check_redis.py", "--url", setting(t, "SIGNALCAST_TEST_REDIS_URL"), "--stream", topic}
		}},
		"to Kafka with franz-go": {kafkaURL + "franz", kafkaArgs},
		"to Kafka with kafka-go": {kafkaURL + "kafka-go", kafkaArgs},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			event, sample := enrollment(t)
			dir, prefix := t.TempDir(), uniquePrefix()
			file := func(name string, content any) string {
				text, err := json.Marshal(content)
				require.NoError(t, err)
				path := filepath.Join(dir, name)
				require.NoError(t, os.WriteFile(path, text, 0o600))
				return path
			}
			var out strings.Builder
			command := cli.Command{Registry: openedxRegistry(t), Stdout: &out, Stderr: &out}
			code := command.Run(t.Context(), []string{
				"send", event.EventType, "--to", to.url, "--prefix", prefix,
				"--config", file("config.json", map[string]any{event.EventType: map[string]any{
					"sent": map[string]any{"event_key_field": event.keyField, "enabled": true},
				}}),
				"--data", file("data.json", sample.Data), "--metadata", file("metadata.json", sample.Metadata),
			})
			require.Equal(t, cli.ExitFine, code, out.String())

			args := to.read(prefix + "-sent")
			got, log, err := readWithReference(t, args[0], 1, args[1:]...)
			require.NoError(t, err, log)
			require.Len(t, got, 1)
			require.Equal(t, sample.Metadata, got[0].Metadata)
			require.Equal(t, tree(t, sample.seenByConsumer()), tree(t, got[0].Data))
		})
	}
}

// enrollment returns an event type and its sample with every field set.
func enrollment(t *testing.T) (goldenEvent, goldenSample) {
	t.Helper()
	for _, event := range goldenEvents(t) {
		if event.EventType == "org.openedx.learning.course.enrollment.created.v1" {
			return event, event.Samples[0]
		}
	}
	t.Fatal("found no golden data of enrollments")
	return goldenEvent{}, goldenSample{}
}
