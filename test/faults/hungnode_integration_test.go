//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// BenchmarkHungNode compares the latency of messages to healthy nodes while another node hangs with that
// while all work, in turns. "ratio" is the median of the ratios of their 99th percentiles.
func BenchmarkHungNode(b *testing.B) {
	b.Run("redis-cluster", func(b *testing.B) {
		c, addrs := newRedisCluster(b)
		backend, err := redis.New(redis.Config{Addrs: addrs, MaxLen: -1})
		require.NoError(b, err)
		byMaster := map[int][]*signalcast.Message{}
		for i := range 60 {
			m := kafkatest.Numbered(fmt.Sprint("stream-", i), 1, i)
			m.Event.ContentType = "application/avro"
			at := c.ownerOf(b, m.Topic)
			byMaster[at] = append(byMaster[at], m)
		}
		compareLatency(b, backend, slices.Concat(byMaster[0], byMaster[2]), byMaster[1], c.servers[1])
	})
	for _, client := range []struct {
		name string
		open func(testing.TB, kafkaconfig.Config) backend
	}{{"kafka", openKafka}, {"franz", openFranz}} {
		b.Run(client.name, func(b *testing.B) {
			const partitions = 60
			cluster := startBrokers(b)
			topic := "hung-" + client.name
			// One replica: otherwise the healthy leaders wait for their replica on the broker that hangs.
			_, err := kadm.NewClient(cluster.admin).CreateTopic(b.Context(), partitions, 1, map[string]*string{"min.insync.replicas": new("1")}, topic)
			require.NoError(b, err)
			backend := client.open(b, kafkaconfig.Config{Brokers: cluster.brokers})
			details, err := kadm.NewClient(cluster.admin).ListTopics(b.Context(), topic)
			require.NoError(b, err)
			var healthy, hung []*signalcast.Message
			for partition := range partitions {
				m := kafkatest.Numbered(topic, 1, partition)
				for i := 0; kafkabus.Partition(m.Key, partitions) != partition; i++ {
					m.Key = fmt.Append(nil, i)
				}
				if details[topic].Partitions[int32(partition)].Leader == 1 {
					hung = append(hung, m)
				} else {
					healthy = append(healthy, m)
				}
			}
			compareLatency(b, backend, healthy, hung, cluster.servers[1])
		})
	}
}

// ownerOf returns the index of the master whose slots hold a stream.
func (c *redisCluster) ownerOf(t testing.TB, stream string) int {
	t.Helper()
	slot, err := c.clients[0].ClusterKeySlot(context.Background(), stream).Result()
	require.NoError(t, err)
	return int(slot) * len(c.clients) / 2 / 16384
}

func compareLatency(b *testing.B, backend backend, healthy, hung []*signalcast.Message, node *server) {
	b.Helper()
	require.NotEmpty(b, hung)
	const rounds = 7
	latencies(b, backend, healthy, hung) // connections
	var works, hangs, ratios []float64
	for b.Loop() {
		for range rounds {
			before := latencies(b, backend, healthy, hung)
			require.NoError(b, node.suspend())
			during := latencies(b, backend, healthy, hung)
			require.NoError(b, node.resume())
			require.NoError(b, backend.Flush(context.Background()))
			works, hangs, ratios = append(works, before), append(hangs, during), append(ratios, during/before)
		}
	}
	middle := func(values []float64) float64 {
		slices.Sort(values)
		return values[len(values)/2]
	}
	b.ReportMetric(middle(works), "ms-p99-works")
	b.ReportMetric(middle(hangs), "ms-p99-hangs")
	b.ReportMetric(middle(ratios), "ratio")
	require.NoError(b, backend.Close(context.Background()))
}

// latencies publishes for a second, and returns the 99th percentile of the latency of messages to healthy
// nodes, in milliseconds.
func latencies(b *testing.B, backend backend, healthy, hung []*signalcast.Message) float64 {
	b.Helper()
	var mu sync.Mutex
	var all []time.Duration
	end := time.Now().Add(time.Second)
	ended, cancel := context.WithCancel(b.Context())
	cancel()
	var senders sync.WaitGroup
	senders.Go(func() {
		for i := 0; time.Now().Before(end); i++ {
			_ = backend.Publish(ended, hung[i%len(hung)], func(signalcast.Receipt, error) {}) // as long as there is room
			<-time.After(2 * time.Millisecond)
		}
	})
	for sender := range 4 {
		senders.Go(func() {
			for i := sender; time.Now().Before(end); i += 4 {
				done := make(chan error, 1)
				start := time.Now()
				if err := backend.Publish(b.Context(), healthy[i%len(healthy)], func(_ signalcast.Receipt, err error) { done <- err }); err != nil {
					b.Error(err)
					return
				}
				if err := <-done; err != nil {
					b.Error(err)
				}
				mu.Lock()
				all = append(all, time.Since(start))
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	require.NotEmpty(b, all)
	slices.Sort(all)
	return float64(all[len(all)*99/100]) / 1e6
}
