package kafkabus_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestTopicMayBeCreatedAgain(t *testing.T) {
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

func TestProducerMayBePermittedLater(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		cluster.ControlKey(int16(kmsg.InitProducerID), func(request kmsg.Request) (kmsg.Response, error, bool) {
			rejection, _ := request.ResponseKind().(*kmsg.InitProducerIDResponse)
			rejection.ErrorCode = kerr.ClusterAuthorizationFailed.Code
			return rejection, nil, true
		})
		require.ErrorIs(t, failure(t, publish(t, b, plain.message("topic", "key", 1)), signalcast.FateNotWritten), kafkaconfig.ErrDenied)
		require.Eventually(t, func() bool {
			return await(t, publish(t, b, plain.message("topic", "key", 2))).err == nil
		}, patience, patience/200)
		require.Len(t, cluster.Read(t, "topic"), 1)
	})
}

func TestRejectionDoesNotUndoAnEarlierAttempt(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		code := kerr.NotLeaderForPartition.Code
		cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			defer func() { code = kerr.InvalidRecord.Code }()
			return answer(request, code), nil, true
		})
		_ = failure(t, publish(t, b, plain.message("topic", "key", 2)), signalcast.FateUnknown)
	})
}
