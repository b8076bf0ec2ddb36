package redis_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/redis"
)

func TestOnTrimReportsConsumersThatAreBehind(t *testing.T) {
	t.Parallel()
	group := func(name, lag string) string {
		return "*4\r\n+name\r\n+" + name + "\r\n+lag\r\n" + lag + "\r\n"
	}
	tests := map[string]struct {
		groups string
		want   []redis.Trim
	}{
		"groups that keep up are not":              {"*1\r\n" + group("near", ":799"), nil},
		"a group whose lag is not known is not":    {"*1\r\n" + group("unknown", "$-1"), nil},
		"a group that is four fifths behind is":    {"*1\r\n" + group("far", ":800"), []redis.Trim{{Stream: "s", Group: "far", Unread: 800, MaxLen: 1000}}},
		"a server that rejects to tell is no harm": {"-NOPERM no\r\n", nil},
		"a group is reported once, however often it is looked at": {
			"*2\r\n" + group("near", ":1") + group("gone", ":99999"),
			[]redis.Trim{{Stream: "s", Group: "gone", Unread: 99999, MaxLen: 1000}},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := startFake(t, &fake{groups: test.groups})
			var got []redis.Trim
			var log safeBuffer
			b := newBackend(t, redis.Config{
				URL: server.url(), MaxLen: 1000, BatchMessages: 50, Logger: slog.New(slog.NewTextHandler(&log, nil)),
				OnTrim: func(trim redis.Trim) { got = append(got, trim) },
			})
			f := newFates()
			f.publish(t, b, "s", 1, 2000)
			flush(t, b)
			require.NoError(t, b.Close(t.Context()))
			f.requireDelivered(t, 2000)
			require.Equal(t, test.want, got)
			require.Greater(t, len(server.received("xinfo")), 10, "every eighth of the length")
			require.Less(t, len(server.received("xinfo")), 20, "not after every batch")
			require.Empty(t, log.String(), "writing did not fail")
		})
	}
}

func TestOnTrimReportsAFullStreamWithoutConsumers(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{groups: "*0\r\n"})
	var got []redis.Trim
	b := newBackend(t, redis.Config{
		URL: server.url(), MaxLen: 1000, OnTrim: func(trim redis.Trim) { got = append(got, trim) },
	})
	f := newFates()
	f.publish(t, b, "s", 1, 2000)
	flush(t, b)
	require.NoError(t, b.Close(t.Context()))
	require.Len(t, got, 1)
	require.Empty(t, got[0].Group)
	require.GreaterOrEqual(t, got[0].Unread, int64(800))
}

func TestOnTrimPanicIsRecovered(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{groups: "*0\r\n"})
	var log safeBuffer
	b := newBackend(t, redis.Config{
		URL: server.url(), MaxLen: 1000, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		OnTrim: func(redis.Trim) { panic("s3cret") },
	})
	f := newFates()
	f.publish(t, b, "s", 1, 2000)
	flush(t, b)
	require.NoError(t, b.Close(t.Context()))
	f.requireDelivered(t, 2000)
	require.Equal(t, int64(1), b.Panics())
	require.Contains(t, log.String(), `msg="callback panicked" callback=OnTrim`)
	require.NotContains(t, log.String(), "s3cret")
}
