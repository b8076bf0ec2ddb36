package kafkabus_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// plain is for messages as the JSON codec makes them.
var plain schemas

func admin(t *testing.T, c *kafkatest.Cluster) *kadm.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func TestMessageWithoutSchemasHasNoFraming(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1))
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		keyless, empty := plain.message("topic", "key", 2), plain.message("topic", "key", 3)
		keyless.Key, empty.Key = nil, []byte{}
		for offset, m := range []*signalcast.Message{plain.message("topic", "key", 1), keyless, empty} {
			o := await(t, publish(t, b, m))
			require.NoError(t, o.err)
			require.Equal(t, signalcast.Receipt{Partition: 0, Offset: int64(offset), HasOffset: true}, o.receipt)
		}
		records := cluster.Read(t, "topic")
		require.Equal(t, []byte("key"), records[0].Key)
		require.Equal(t, []byte("key/1"), records[0].Value)
		require.Equal(t, kgo.RecordHeader{Key: "content-type", Value: []byte("application/json")}, records[0].Headers[1])
		require.Equal(t, kgo.RecordHeader{Key: "ce_datacontenttype", Value: []byte("application/json")}, records[0].Headers[2])
		require.Nil(t, records[1].Key)
		require.NotNil(t, records[2].Key)
		require.Empty(t, records[2].Key)
	})
}

func TestKeysSelectThePartitionOfThePythonProducer(t *testing.T) {
	t.Parallel()
	// The unsigned CRC-32 of the key modulo 6.
	partitions := map[string]int32{"a": 3, "b": 5, "course-v1:edX+DemoX+2026": 4, "ключ": 0}
	for key, want := range partitions {
		require.Equal(t, int(want), kafkabus.Partition([]byte(key), 6), key)
	}
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(6))
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		for key, want := range partitions {
			o := await(t, publish(t, b, plain.message("topic", key, 1)))
			require.NoError(t, o.err)
			require.Equal(t, want, o.receipt.Partition, key)
		}
		seen := map[int32]bool{}
		for n := range 200 {
			m := plain.message("topic", "", n)
			m.Key = nil
			o := await(t, publish(t, b, m))
			require.NoError(t, o.err)
			seen[o.receipt.Partition] = true
		}
		require.Len(t, seen, 6, "messages without a key go to all partitions")
	})
}

func TestLostAcknowledgementsLeaveNoDuplicates(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		delivered(t, publish(t, b, plain.message("topic", "first", 0)))
		const keys, each = 4, 200
		var known []<-chan outcome
		pace := time.NewTicker(time.Millisecond) // so that there are many requests, with messages between them
		defer pace.Stop()
		for n := range each {
			<-pace.C
			if n%20 == 0 {
				cluster.LoseAcknowledgements(2)
			}
			for key := range keys {
				known = append(known, publish(t, b, plain.message("topic", "key"+strconv.Itoa(key), n)))
			}
		}
		delivered(t, known...)
		require.Zero(t, cluster.AcknowledgementsToLose())
		require.Len(t, cluster.Read(t, "topic"), 1+keys*each)
		requireOrder(t, cluster.Read(t, "topic"))
	})
}

// requireOrder fails unless the numbers of each key ascend.
func requireOrder(t *testing.T, records []*kgo.Record) {
	t.Helper()
	last := map[string]int{}
	for _, r := range records {
		key, number, _ := strings.Cut(string(r.Value), "/")
		n, err := strconv.Atoi(number)
		require.NoError(t, err)
		if before, ok := last[key]; ok {
			require.Greater(t, n, before, "number of %s", key)
		}
		last[key] = n
	}
}

func TestLeadersMayMove(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t, kfake.NumBrokers(3))
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		for n := range 5 {
			var known []<-chan outcome
			for key := range 20 {
				known = append(known, publish(t, b, plain.message("topic", "key"+strconv.Itoa(key), n)))
			}
			delivered(t, known...)
			for p := range int32(3) {
				leader := cluster.LeaderFor("topic", p)
				require.NoError(t, cluster.MoveTopicPartition("topic", p, (leader+1)%3))
			}
		}
		require.Len(t, cluster.Read(t, "topic"), 100)
		requireOrder(t, cluster.Read(t, "topic"))
	})
}

func TestAddedPartitionsAreUsed(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1))
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), MetadataMaxAge: soon / 2})
		delivered(t, publish(t, b, plain.message("topic", "a", 0)))
		answers, err := admin(t, cluster).CreatePartitions(t.Context(), 5, "topic")
		require.NoError(t, err)
		require.NoError(t, answers.Error())
		require.Eventually(t, func() bool {
			o := await(t, publish(t, b, plain.message("topic", "a", 1)))
			return o.err == nil && o.receipt.Partition == 3
		}, patience, patience/200, "key a belongs to partition 3 of 6")
	})
}

func TestMissingTopicIsTheCauseOfATimeout(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		t.Run("is waited for", func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.NewStrictCluster(t)
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
			known := publish(t, b, plain.message("topic", "key", 1))
			_, err := admin(t, cluster).CreateTopic(t.Context(), 3, 1, nil, "topic")
			require.NoError(t, err)
			delivered(t, known)
		})
		t.Run("fails the message when its time is up", func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.NewStrictCluster(t, kfake.SeedTopics(1, "other"))
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: 3 * soon}) // time to ask for the topic
			known := publish(t, b, plain.message("topic", "key", 1))
			reach(t, b, "other") // a missing topic stops no other
			err := failure(t, known, signalcast.FateNotWritten)
			require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout)
			require.ErrorIs(t, err, kafkaconfig.ErrUnknownTopic)
		})
	})
}

func TestRejectedRecordFailsAtOnce(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		small := "1000"
		_, err := admin(t, cluster).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &small}, "topic")
		require.NoError(t, err)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		large := plain.message("topic", "key", 2)
		large.Event.Value = make([]byte, 2000)
		require.ErrorIs(t, failure(t, publish(t, b, large), signalcast.FateNotWritten), signalcast.ErrTooLarge)
		delivered(t, publish(t, b, plain.message("topic", "key", 3)))
	})
}

func TestBatchesAreNotLargerThanTheTopicAllows(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		limit := "4000"
		_, err := admin(t, cluster).CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &limit}, "topic")
		require.NoError(t, err)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		var known []<-chan outcome
		for n := range 500 {
			known = append(known, publish(t, b, plain.message("topic", "key", n)))
		}
		delivered(t, known...)
		require.Len(t, cluster.Read(t, "topic"), 500)
		requireOrder(t, cluster.Read(t, "topic"))
	})
}

func TestDeliveryTimeoutFailsMessagesWithTheirFate(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		t.Run("of a message that was never sent: not written", func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.NewCluster(t)
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: 2 * soon})
			delivered(t, publish(t, b, plain.message("topic", "key", 1)))
			cluster.Stop()
			require.Eventually(t, func() bool { // the first message may be written to a closed connection
				var failed *signalcast.DeliveryError
				require.ErrorAs(t, await(t, publish(t, b, plain.message("topic", "key", 2))).err, &failed)
				require.ErrorIs(t, failed, signalcast.ErrDeliveryTimeout)
				require.NotContains(t, failed.Error(), "topic not found", "the brokers are unreachable")
				return failed.Fate == signalcast.FateNotWritten
			}, patience, patience/200)
			cluster.Start()
			reach(t, b, "topic")
		})
		t.Run("of a message whose acknowledgements were lost: unknown", func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.NewCluster(t)
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: soon})
			reach(t, b, "topic")
			cluster.LoseAcknowledgements(1 << 30)
			err := failure(t, publish(t, b, plain.message("topic", "key", 2)), signalcast.FateUnknown)
			require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout)
			cluster.LoseAcknowledgements(0)
			require.Eventually(t, func() bool { // franz-go fails it too while it still has the message before it
				return await(t, publish(t, b, plain.message("topic", "key", 3))).err == nil
			}, patience, patience/200)
			records := cluster.Read(t, "topic")
			require.Equal(t, "key/3", string(records[len(records)-1].Value), "the next message is not mistaken for a duplicate")
		})
		t.Run("of a message whose broker hangs: unknown, in time", func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.NewCluster(t)
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: soon, RequestTimeout: time.Minute})
			reach(t, b, "topic")
			cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
				cluster.KeepControl()
				return nil, nil, true
			})
			err := failure(t, publish(t, b, plain.message("topic", "key", 2)), signalcast.FateUnknown)
			require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout)
		})
		// A leader that has written a batch may lose the leadership while it waits for replicas.
		for _, code := range []*kerr.Error{
			kerr.NotEnoughReplicasAfterAppend, kerr.NotLeaderForPartition, kerr.UnknownTopicOrPartition, kerr.KafkaStorageError,
		} {
			t.Run("of a message that may wait for replicas: unknown, after "+code.Message, func(t *testing.T) {
				t.Parallel()
				cluster := kafkatest.NewCluster(t)
				b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: soon})
				reach(t, b, "topic")
				cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
					cluster.KeepControl()
					return answer(request, code.Code), nil, true
				})
				_ = failure(t, publish(t, b, plain.message("topic", "key", 2)), signalcast.FateUnknown)
			})
		}
	})
}

// answer gives every partition of a produce request the same code.
func answer(request kmsg.Request, code int16) kmsg.Response {
	produce, _ := request.(*kmsg.ProduceRequest)
	response := kmsg.NewPtrProduceResponse()
	response.SetVersion(produce.Version)
	for _, topic := range produce.Topics {
		t := kmsg.NewProduceResponseTopic()
		t.Topic, t.TopicID = topic.Topic, topic.TopicID
		for _, partition := range topic.Partitions {
			p := kmsg.NewProduceResponseTopicPartition()
			p.Partition, p.ErrorCode = partition.Partition, code
			t.Partitions = append(t.Partitions, p)
		}
		response.Topics = append(response.Topics, t)
	}
	return response
}

func TestLostProducerStateIsRenewed(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1))
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		for _, code := range []int16{kerr.OutOfOrderSequenceNumber.Code, kerr.UnknownProducerID.Code} {
			cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
				return answer(request, code), nil, true
			})
			delivered(t, publish(t, b, plain.message("topic", "key", 2)))
		}
		records := cluster.Read(t, "topic")
		require.Len(t, records, 3)
		producer := func(r *kgo.Record) string { return fmt.Sprint(r.ProducerID, "/", r.ProducerEpoch) }
		require.NotEqual(t, producer(records[0]), producer(records[1]))
		require.NotEqual(t, producer(records[1]), producer(records[2]))
	})
}

// The batch is made anew then, of those whose time is not up.
func TestLostProducerStateOfAPartlyTimedOutBatch(t *testing.T) {
	t.Parallel()
	// On a busy machine, the late message is delivered only before a longer delivery timeout.
	for timeout := 4 * soon; ; timeout *= 2 {
		early, late, records := loseProducerState(t, timeout)
		var failed *signalcast.DeliveryError
		require.ErrorAs(t, early.err, &failed)
		done := failed.Fate == signalcast.FateUnknown && late.err == nil && len(records) == 4
		if !done && 2*timeout < patience {
			continue
		}
		require.Equal(t, signalcast.FateUnknown, failed.Fate)
		require.NoError(t, late.err)
		require.Len(t, records, 4, "the second message once, the third twice")
		require.Equal(t, "key/3", string(records[3].Value))
		return
	}
}

// loseProducerState makes a batch lose its producer state when the first of its two messages has timed out. It returns the outcomes of
// both, and all records.
func loseProducerState(t *testing.T, timeout time.Duration) (early, late outcome, records []*kgo.Record) {
	t.Helper()
	cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1))
	b := start(t, func(c kafkabus.Config) (signalcast.Backend, error) { return kafka.New(c) }, // franz-go fails the whole batch
		kafkabus.Config{Brokers: cluster.ListenAddrs(), DeliveryTimeout: timeout})
	delivered(t, publish(t, b, plain.message("topic", "key", 1)))
	var code atomic.Int32
	code.Store(int32(kerr.NotEnoughReplicas.Code))
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		c := code.Load()
		if c == int32(kerr.UnknownProducerID.Code) {
			code.Store(0)
		}
		return answer(request, int16(c)), nil, c != 0
	})
	first := publish(t, b, plain.message("topic", "key", 2))
	<-time.After(timeout / 2) // as long as the attempts with both messages have, and those with the later one
	second := publish(t, b, plain.message("topic", "key", 3))
	cluster.LoseAcknowledgements(1 << 30)
	code.Store(0)
	early = await(t, first)
	code.Store(int32(kerr.UnknownProducerID.Code))
	cluster.LoseAcknowledgements(0)
	return early, await(t, second), cluster.Read(t, "topic")
}
