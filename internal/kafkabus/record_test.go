package kafkabus_test

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// Clients may use the memory of one record for the next.
func TestRecordsShareNothing(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		var messages []*signalcast.Message
		for n, change := range []func(m *signalcast.Message){
			func(*signalcast.Message) {},
			func(m *signalcast.Message) { m.Event.Source = "another/service" },
			func(m *signalcast.Message) { m.Event.SourceHost = "" },
			func(m *signalcast.Message) { m.Event.SourceHost = strings.Repeat("long.", 1000) },
			func(m *signalcast.Message) { m.Event.EventType += ".more" },
			func(m *signalcast.Message) { m.Event.ContentType = "text/plain" },
			func(m *signalcast.Message) { m.Event.MinorVersion = math.MaxInt64 },
			func(m *signalcast.Message) { m.Event.SourceLib = "1.2.4" },
			func(m *signalcast.Message) { m.Event.SourceLib = "" },
			func(m *signalcast.Message) { m.Event.Time = m.Event.Time.Add(time.Microsecond) },
			func(m *signalcast.Message) { m.Key = []byte(strings.Repeat("key", 2000)) },
			func(m *signalcast.Message) { m.Key = []byte{} },
			func(m *signalcast.Message) { m.Key = nil },
			func(m *signalcast.Message) { m.Event.Value = []byte{} },
		} {
			for range 2 {
				changed := plain.message("topic", "key", n)
				change(changed)
				messages = append(messages, changed)
			}
			messages = append(messages, plain.message("topic", "key", n))
		}
		cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1))
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		var want [][10]kafkabus.Header
		for _, m := range messages {
			want = append(want, headers(m.Event))
			delivered(t, publish(t, b, m))
		}
		records := cluster.Read(t, "topic")
		require.Len(t, records, len(messages))
		for i, m := range messages {
			require.Equal(t, m.Key, records[i].Key)
			require.Equal(t, string(m.Event.Value), string(records[i].Value))
			var got [10]kafkabus.Header
			for h, header := range records[i].Headers {
				got[h] = kafkabus.Header(header)
			}
			require.Equal(t, want[i], got, "headers of record %d", i)
		}
	})
}

// headers are those that the event bus defines, written down anew.
func headers(e *signalcast.Envelope) (h [10]kafkabus.Header) {
	for i, text := range [10][2]string{
		{"ce_specversion", "1.0"},
		{"content-type", e.ContentType},
		{"ce_datacontenttype", e.ContentType},
		{"ce_type", e.EventType},
		{"ce_id", e.ID.String()},
		{"ce_source", e.Source},
		{"ce_time", string(e.AppendTime(nil))},
		{"ce_minorversion", strconv.FormatInt(e.MinorVersion, 10)},
		{"sourcehost", e.SourceHost},
		{"sourcelib", e.SourceLib},
	} {
		h[i] = kafkabus.Header{Key: text[0], Value: []byte(text[1])}
	}
	return h
}

func TestAcceptedMessagesFitIntoABatch(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		const limit = 2000
		cluster, registry := kafkatest.NewCluster(t), kafkatest.NewRegistry(t)
		text := strconv.Itoa(limit)
		_, err := admin(t, cluster).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &text}, "topic")
		require.NoError(t, err)
		s := newSchemas()
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL, MaxMessageBytes: limit,
		}, s.route("topic"))
		accepted, rejected := 0, 0
		for size := range limit {
			m := s.message("topic", strings.Repeat("k", 100), 1)
			m.Event.MinorVersion, m.Event.SourceLib = math.MaxInt64, strings.Repeat("9", 60)
			m.Event.Value = make([]byte, size)
			err := b.Publish(t.Context(), m, func(_ signalcast.Receipt, err error) {
				if err != nil {
					t.Errorf("value of %d bytes: %v", size, err)
				}
			})
			if err == nil {
				accepted++
			} else if errors.Is(err, signalcast.ErrTooLarge) {
				rejected++
			}
		}
		require.NoError(t, b.Close(t.Context()))
		require.Equal(t, limit, accepted+rejected)
		require.Greater(t, accepted, limit/2)
		require.NotZero(t, rejected)
	})
}
