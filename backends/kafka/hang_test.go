package kafka_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestBrokerThatHangsDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	const partitions = 60 // 20 for each broker, which is more than its slots
	cluster := kafkatest.NewCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(partitions, "topic"))
	b, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), RequestTimeout: time.Minute})
	require.NoError(t, err)
	var delivered, failed atomic.Int64
	publish := func(partition int) {
		m := kafkatest.Numbered("topic", 1, partition)
		for i := 0; ; i++ { // a key of the partition
			if m.Key = fmt.Append(nil, i); kafkabus.Partition(m.Key, partitions) == partition {
				break
			}
		}
		require.NoError(t, b.Publish(t.Context(), m, func(_ signalcast.Receipt, err error) {
			if err != nil {
				failed.Add(1)
				return
			}
			delivered.Add(1)
		}))
	}
	hung := cluster.LeaderFor("topic", 0)
	var healthy int64
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cluster.CurrentNode() != hung {
			return nil, nil, false
		}
		return nil, nil, true // no reply
	})
	for partition := range partitions {
		if cluster.LeaderFor("topic", int32(partition)) == hung {
			publish(partition)
		}
	}
	for partition := range partitions {
		if cluster.LeaderFor("topic", int32(partition)) != hung {
			publish(partition)
			healthy++
		}
	}
	require.NotZero(t, healthy)
	require.Eventually(t, func() bool { return delivered.Load() == healthy }, 20*time.Second, time.Millisecond)
	require.Zero(t, failed.Load())

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ended), context.Canceled, "requests without a reply are given up")
	require.Equal(t, partitions-healthy, failed.Load())
}

// A broker that replies to nothing is a seed like others, so that asking for leaders may wait for it.
func TestSilentBrokerDoesNotDelayMessagesToOthers(t *testing.T) {
	t.Parallel()
	const partitions, patience = 12, time.Second
	cluster := kafkatest.NewCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(partitions, "topic"))
	b, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), RequestTimeout: patience / 4, DialTimeout: patience})
	require.NoError(t, err)
	messages := make([]*signalcast.Message, partitions)
	for partition := range partitions {
		messages[partition] = kafkatest.Numbered("topic", 1, partition)
		for i := 0; kafkabus.Partition(messages[partition].Key, partitions) != partition; i++ {
			messages[partition].Key = fmt.Append(nil, i)
		}
	}
	publish := func(m *signalcast.Message) <-chan error {
		done := make(chan error, 1)
		require.NoError(t, b.Publish(t.Context(), m, func(_ signalcast.Receipt, err error) { done <- err }))
		return done
	}
	silent := cluster.LeaderFor("topic", 0)
	var healthy []*signalcast.Message
	for partition, m := range messages {
		require.NoError(t, <-publish(m))
		if cluster.LeaderFor("topic", int32(partition)) != silent {
			healthy = append(healthy, m)
		}
	}
	cluster.Control(func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		return nil, nil, cluster.CurrentNode() == silent // without a reply
	})
	for range 100 {
		for partition, m := range messages {
			if cluster.LeaderFor("topic", int32(partition)) == silent {
				publish(m)
			}
		}
	}
	var longest time.Duration
	for began, i := time.Now(), 0; time.Since(began) < 4*patience; i++ {
		sent := time.Now()
		require.NoError(t, <-publish(healthy[i%len(healthy)]))
		longest = max(longest, time.Since(sent))
	}
	require.Less(t, longest, patience)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ended), context.Canceled, "requests without a reply are given up")
}
