package kafkabus_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
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

func TestTopicMayBeCreatedAgainWithFewerPartitions(t *testing.T) {
	t.Parallel()
	forEachBackend(t, createAgainWithFewerPartitions)
}

func createAgainWithFewerPartitions(t *testing.T, open kafkatest.Open) {
	t.Helper()
	const count = 200
	cluster := kafkatest.NewStrictCluster(t)
	a := admin(t, cluster)
	_, err := a.CreateTopic(t.Context(), 12, 1, nil, "topic")
	require.NoError(t, err)
	b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), MetadataMaxAge: soon / 2})
	var known []<-chan outcome
	for n := range count {
		known = append(known, publish(t, b, plain.message("topic", fmt.Sprint("key", n%20), n)))
	}
	delivered(t, known...)

	var full atomic.Bool
	full.Store(true)
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return answer(request, kerr.NotEnoughReplicas.Code), nil, full.Load()
	})
	known = nil
	for n := range count {
		known = append(known, publish(t, b, plain.message("topic", fmt.Sprint("key", n%20), n)))
	}
	_, err = a.DeleteTopic(t.Context(), "topic")
	require.NoError(t, err)
	_, err = a.CreateTopic(t.Context(), 2, 1, nil, "topic")
	require.NoError(t, err)
	full.Store(false)
	delivered(t, known...)

	last := map[string]int{}
	records := cluster.Read(t, "topic")
	require.Len(t, records, count)
	for _, r := range records {
		require.EqualValues(t, kafkabus.Partition(r.Key, 2), r.Partition)
		_, number, _ := strings.Cut(string(r.Value), "/")
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, last[string(r.Key)], "%s/%d", r.Key, n)
		last[string(r.Key)] = n
	}

	_, err = a.CreatePartitions(t.Context(), 10, "topic")
	require.NoError(t, err)
	key := "key"
	for kafkabus.Partition([]byte(key), 12) < 2 {
		key += "+"
	}
	require.Eventually(t, func() bool {
		delivered(t, publish(t, b, plain.message("topic", key, count)))
		records := cluster.Read(t, "topic")
		return slices.ContainsFunc(records, func(r *kgo.Record) bool { return r.Partition > 1 })
	}, patience, patience/200)
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

// Clients read the metadata every few seconds. It does not have a topic that the user may not write.
func TestMissingRightsFailMessagesAtOnceUntilTheyAreGranted(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), MetadataMaxAge: soon / 2})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		var denied atomic.Bool
		denied.Store(true)
		cluster.ControlKey(int16(kmsg.Metadata), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			return metadataAt(t, cluster.ListenAddrs()[0], request, kerr.TopicAuthorizationFailed.Code), nil, denied.Load()
		})
		fails := func() bool {
			err := await(t, publish(t, b, plain.message("topic", "key", 2))).err
			if err != nil {
				require.ErrorIs(t, err, kafkaconfig.ErrDenied)
			}
			return err != nil
		}
		require.Eventually(t, fails, patience, 10*time.Millisecond)
		require.True(t, fails())
		denied.Store(false)
		require.Eventually(t, func() bool { return !fails() }, patience, 10*time.Millisecond)
	})
}
