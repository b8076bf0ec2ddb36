//go:build integration

// Package integration_test runs the whole library against real servers and
// the Python reference. Start it with test/run_integration.sh.
package integration_test

import (
	"encoding/hex"
	"os"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/openedx"
)

// everything is a topic that all event types share.
const everything = "everything"

func TestEveryEventTypeReachesThePythonReferenceOverRedis(t *testing.T) {
	t.Parallel()
	events := goldenEvents(t)
	prefix := uniquePrefix()
	sendSamples(t, prefix, events)

	t.Run("every stream holds the entries of the reference, byte for byte", func(t *testing.T) {
		t.Parallel()
		for _, event := range events {
			entries := streamEntries(t, prefix+"-"+event.topic)
			require.Len(t, entries, len(event.entries), event.EventType)
			for i, want := range event.entries {
				require.Equal(t, want.Sample, event.Samples[i].Name)
				var fields []string
				for _, field := range want.Fields {
					value, err := hex.DecodeString(field.Hex)
					require.NoError(t, err)
					fields = append(fields, field.Name, string(value))
				}
				require.Equal(t, fields, entries[i], "%s, sample %s", event.EventType, want.Sample)
			}
		}
	})

	t.Run("the reference's consumer receives every event and logs nothing", func(t *testing.T) {
		t.Parallel()
		var sent []goldenSample
		for _, event := range events {
			sent = append(sent, event.Samples...)
		}
		got, log, err := readWithReference(t, prefix+"-"+everything, len(sent))
		require.NoError(t, err, log)
		require.Len(t, got, len(sent))
		host, err := os.Hostname()
		require.NoError(t, err)
		for i, sample := range sent {
			if sample.Metadata.SourceHost == "" {
				sample.Metadata.SourceHost = host // the consumer takes an empty field for a missing one
			}
			require.Equal(t, sample.Metadata, got[i].Metadata, "%s, sample %s", sample.Metadata.EventType, sample.Name)
			require.Equal(t, tree(t, sample.seen()), tree(t, got[i].Data), "%s, sample %s", sample.Metadata.EventType, sample.Name)
		}
	})
}

func TestTheReferenceReportsAnEntryThatItCannotRead(t *testing.T) {
	t.Parallel()
	stream := uniquePrefix() + "-broken"
	err := client(t).XAdd(t.Context(), &goredis.XAddArgs{Stream: stream, Values: []any{
		"type", "org.openedx.learning.student.registration.completed.v1", "event_data", "\xff",
	}}).Err()
	require.NoError(t, err)

	got, log, err := readWithReference(t, stream, 1)

	require.Error(t, err)
	require.Empty(t, got)
	require.Contains(t, log, "Error consuming event from Redis")
}

// sendSamples sends every sample of every event type to the type's own topic and to the shared one.
func sendSamples(t *testing.T, prefix string, events []goldenEvent) {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(openedx.Signals()...))
	backend, err := redis.New(redis.Config{URL: setting(t, "SIGNALCAST_TEST_REDIS_URL")})
	require.NoError(t, err)
	config := signalcast.ProducerConfig{}
	for _, event := range events {
		route := signalcast.TopicConfig{EventKeyField: new(event.keyField), Enabled: new(true)}
		config[event.EventType] = map[string]signalcast.TopicConfig{event.topic: route, everything: route}
	}
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, config, backend, signalcast.WithTopicPrefix(prefix))
	require.NoError(t, err)
	sent := int64(0)
	for _, event := range events {
		for _, sample := range event.Samples {
			err := registry.SendJSON(t.Context(), event.EventType, sample.Data, signalcast.WithMetadata(sample.Metadata))
			require.NoError(t, err, "%s, sample %s", event.EventType, sample.Name)
			sent += 2
		}
	}
	require.NoError(t, dispatcher.Close(t.Context()))
	stats := dispatcher.Stats()
	require.Equal(t, sent, stats.Delivered)
	require.Zero(t, stats.Failed)
}

// streamEntries returns the names and values of each entry's fields in their order, which go-redis's XRange does not keep.
func streamEntries(t *testing.T, stream string) [][]string {
	t.Helper()
	reply, err := client(t).Do(t.Context(), "XRANGE", stream, "-", "+").Slice()
	require.NoError(t, err)
	entries := make([][]string, len(reply))
	for i, entry := range reply {
		for _, text := range entry.([]any)[1].([]any) {
			entries[i] = append(entries[i], text.(string))
		}
	}
	return entries
}

func client(t *testing.T) *goredis.Client {
	t.Helper()
	options, err := goredis.ParseURL(setting(t, "SIGNALCAST_TEST_REDIS_URL"))
	require.NoError(t, err)
	c := goredis.NewClient(options)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// uniquePrefix keeps the streams of tests and runs apart.
func uniquePrefix() string { return "test" + strconv.FormatInt(time.Now().UnixNano(), 36) }
