package kafkabus_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestCompressionOfBatches(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]uint8{
		"": 0, kafkaconfig.CompressionGzip: 1, kafkaconfig.CompressionSnappy: 2, kafkaconfig.CompressionLZ4: 3, kafkaconfig.CompressionZstd: 4,
	} {
		t.Run("compression "+name, func(t *testing.T) {
			t.Parallel()
			forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
				cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1))
				b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), Compression: name})
				m := plain.message("topic", "key", 1)
				m.Event.Value = []byte(strings.Repeat("well compressible ", 1000))
				delivered(t, publish(t, b, m))
				records := cluster.Read(t, "topic")
				require.Len(t, records, 1)
				require.Equal(t, code, records[0].Attrs.CompressionType())
				require.Equal(t, string(m.Event.Value), string(records[0].Value))
				require.Len(t, records[0].Headers, 10)
			})
		})
	}
}
