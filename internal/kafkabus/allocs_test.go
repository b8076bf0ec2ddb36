//go:build !race

package kafkabus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// Not parallel: other tests would be counted too. What is allocated for a request,
// by the brokers in this process as well, is divided among its messages.
//
//nolint:paralleltest // AllocsPerRun counts the whole process
func TestAllocationsOfAMessage(t *testing.T) {
	const messages, most = 5000, 0.2
	for name, open := range map[string]kafkatest.Open{
		"franz": func(c kafkabus.Config) (signalcast.Backend, error) { return franz.New(c) },
		"kafka": func(c kafkabus.Config) (signalcast.Backend, error) { return kafka.New(c) },
	} {
		t.Run(name, func(t *testing.T) {
			cluster, registry, s := kafkatest.NewCluster(t), kafkatest.NewRegistry(t), newSchemas()
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), SchemaRegistry: registry.URL}, s.route("topic"))
			m := s.message("topic", "key", 1)
			done := func(signalcast.Receipt, error) {}
			ctx := t.Context()
			var err error
			allocs := testing.AllocsPerRun(3, func() {
				for range messages {
					if err == nil {
						err = b.Publish(ctx, m, done)
					}
				}
				if err == nil {
					err = b.Flush(ctx)
				}
			})
			require.NoError(t, err)
			require.LessOrEqual(t, allocs/messages, most)
		})
	}
}
