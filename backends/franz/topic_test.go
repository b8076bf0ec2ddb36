package franz_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// patience is how long tests wait for a condition that must become true.
const patience = 30 * time.Second

func publish(t *testing.T, b *franz.Backend, done func(signalcast.Receipt, error)) {
	t.Helper()
	m := &signalcast.Message{Topic: "topic", Event: &signalcast.Envelope{
		Metadata: signalcast.Metadata{ID: signalcast.NewUUID(), EventType: "org.example.thing.happened.v1", Time: time.Now().UTC(), SourceLib: "1.2.3"},
		Value:    []byte("value"), ContentType: "application/json",
	}}
	require.NoError(t, b.Publish(t.Context(), m, done))
}

func TestCloseWhileATopicMovesGivesEveryMessageItsFate(t *testing.T) {
	t.Parallel()
	const count = 50
	cluster := kafkatest.NewStrictCluster(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	defer client.Close()
	admin := kadm.NewClient(client)
	_, err = admin.CreateTopic(t.Context(), 12, 1, nil, "topic")
	require.NoError(t, err)
	b, err := franz.New(franz.Config{Brokers: cluster.ListenAddrs()})
	require.NoError(t, err)
	var outcomes atomic.Int64
	completed := func(signalcast.Receipt, error) { outcomes.Add(1) }
	publish(t, b, completed)
	require.NoError(t, b.Flush(t.Context()))

	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		produce, _ := request.(*kmsg.ProduceRequest)
		response, _ := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range produce.Topics {
			answered := kmsg.ProduceResponseTopic{Topic: topic.Topic, TopicID: topic.TopicID}
			for _, p := range topic.Partitions {
				answered.Partitions = append(answered.Partitions, kmsg.ProduceResponseTopicPartition{Partition: p.Partition, ErrorCode: kerr.NotEnoughReplicas.Code})
			}
			response.Topics = append(response.Topics, answered)
		}
		return response, nil, true
	})
	for range count {
		publish(t, b, completed)
	}
	_, err = admin.DeleteTopic(t.Context(), "topic")
	require.NoError(t, err)
	_, err = admin.CreateTopic(t.Context(), 1, 1, nil, "topic")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		troubles := b.Troubles()
		return len(troubles) > 0 && strings.Contains(troubles[0].Err.Error(), "fewer partitions")
	}, patience, time.Millisecond)
	publish(t, b, completed) // held, since the topic moves
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.Close(ctx), context.Canceled)
	require.Equal(t, int64(count+2), outcomes.Load())
}
