//go:build integration

// Package integration_test tests the library against real servers and the
// reference, the Python implementation of the Open edX event bus. Run it with
// test/run_integration.sh.
package integration_test

import (
	"encoding/hex"
	"os"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
)

func TestReferenceReadsEveryEventTypeFromRedis(t *testing.T) {
	t.Parallel()
	events := goldenEvents(t)
	prefix := uniquePrefix()
	backend, err := redis.New(redis.Config{URL: setting(t, "SIGNALCAST_TEST_REDIS_URL")})
	require.NoError(t, err)
	sendSamples(t, traced{backend}, prefix, events)

	t.Run("the entries of every stream equal the reference", func(t *testing.T) {
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

	t.Run("the consumer of the reference receives every event and logs nothing", func(t *testing.T) {
		t.Parallel()
		var sent []goldenSample
		for _, event := range events {
			sent = append(sent, event.Samples...)
		}
		got, log, err := readRedisWithReference(t, prefix+"-"+everything, len(sent))
		require.NoError(t, err, log)
		require.Len(t, got, len(sent))
		host, err := os.Hostname()
		require.NoError(t, err)
		for i, sample := range sent {
			if sample.Metadata.SourceHost == "" {
				sample.Metadata.SourceHost = host // the consumer replaces an empty field
			}
			require.Equal(t, sample.Metadata, got[i].Metadata, "%s, sample %s", sample.Metadata.EventType, sample.Name)
			require.Equal(t, tree(t, sample.seenByConsumer()), tree(t, got[i].Data), "%s, sample %s", sample.Metadata.EventType, sample.Name)
		}
	})
}

func TestReferenceReportsMalformedEntry(t *testing.T) {
	t.Parallel()
	stream := uniquePrefix() + "-broken"
	err := client(t).XAdd(t.Context(), &goredis.XAddArgs{Stream: stream, Values: []any{
		"type", "org.openedx.learning.student.registration.completed.v1", "event_data", "\xff",
	}}).Err()
	require.NoError(t, err)

	got, log, err := readRedisWithReference(t, stream, 1)

	require.Error(t, err)
	require.Empty(t, got)
	require.Contains(t, log, "Error consuming event from Redis")
}

// readRedisWithReference reads the first count events of a stream.
func readRedisWithReference(t *testing.T, stream string, count int) (events []received, log string, err error) {
	t.Helper()
	return readWithReference(t, "check_redis.py", count, "--url", setting(t, "SIGNALCAST_TEST_REDIS_URL"), "--stream", stream)
}

// streamEntries returns the field names and values of each entry, in order. XRange of go-redis does not keep the order.
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
