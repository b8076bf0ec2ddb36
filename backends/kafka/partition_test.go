package kafka_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestRejectedBatchIsDivided(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.NewCluster(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	limit := "1000"
	_, err = kadm.NewClient(client).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, "topic")
	require.NoError(t, err)
	b, err := open(kafkabus.Config{Brokers: cluster.ListenAddrs()})
	require.NoError(t, err)

	const count, large = 100, 42
	failures := make([]error, count)
	for n := range count {
		m := kafkatest.Numbered("topic", 0, n)
		if n == large {
			m.Event.Value = make([]byte, 1000)
		}
		require.NoError(t, b.Publish(t.Context(), m, func(_ signalcast.Receipt, err error) { failures[n] = err }))
	}
	require.NoError(t, b.Close(t.Context()))
	for n, err := range failures {
		require.Equal(t, n == large, errors.Is(err, signalcast.ErrTooLarge), "message %d: %v", n, err)
	}
	records := cluster.Read(t, "topic")
	require.Len(t, records, count-1)
	for i := range records[1:] {
		require.Less(t, len(records[i].Value), 4)
		require.Less(t, records[i].Offset, records[i+1].Offset)
	}
	require.Equal(t, "99", string(records[count-2].Value))
}
