package redis_test

import (
	"context"
	"testing"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/backends/redis"
)

// limited returns a configuration whose buffer has the suite's limits.
func limited(url string, limits backendtest.Limits) redis.Config {
	return redis.Config{
		URL:            url,
		BufferMessages: limits.Messages,
		BufferBytes:    int64(limits.Bytes),
		FailFast:       limits.FailFast,
	}
}

// records returns what a stream holds.
func records(ctx context.Context, t testing.TB, client *goredis.Client, stream string) []backendtest.Record {
	t.Helper()
	entries, err := client.XRange(ctx, stream, "-", "+").Result()
	require.NoError(t, err)
	var all []backendtest.Record
	for _, e := range entries {
		r := backendtest.Record{Attributes: map[string]string{}}
		for name, value := range e.Values {
			if text, _ := value.(string); name == "event_data" {
				r.Value = []byte(text)
			} else {
				r.Attributes[name] = text
			}
		}
		all = append(all, r)
	}
	return all
}

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, backendtest.Harness{
		NoKeys:         true,
		RejectedTopics: []string{""},
		New: func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
			t.Helper()
			server := miniredis.NewMiniRedis()
			require.NoError(t, server.Start())
			t.Cleanup(server.Close)
			stopped := false
			client := goredis.NewClient(&goredis.Options{Addr: server.Addr()})
			t.Cleanup(func() { _ = client.Close() })
			return backendtest.Subject{
				Backend: newBackend(t, limited("redis://"+server.Addr(), limits)),
				Read: func(topic string) []backendtest.Record {
					t.Helper()
					return records(context.Background(), t, client, topic)
				},
				Stop: func() { server.Close(); stopped = true },
				Start: func() {
					if stopped {
						require.NoError(t, server.Restart())
						stopped = false
					}
				},
			}
		},
	})
}
