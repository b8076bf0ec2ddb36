package kafkabus_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestATopicThatIsMadeAnewIsWrittenTo(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewStrictCluster(t)
		a := admin(t, cluster)
		_, err := a.CreateTopic(t.Context(), 3, 1, nil, "topic")
		require.NoError(t, err)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		for n := range 3 {
			delivered(t, publish(t, b, plain.message("topic", "key", n)))
		}
		_, err = a.DeleteTopic(t.Context(), "topic")
		require.NoError(t, err)
		_, err = a.CreateTopic(t.Context(), 3, 1, nil, "topic")
		require.NoError(t, err)
		delivered(t, publish(t, b, plain.message("topic", "key", 3)))
		require.Len(t, cluster.Read(t, "topic"), 1)
	})
}
