package kafka_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
)

func (b *bus) lag(t *testing.T, group string, topics ...string) ([]consume.Lag, error) {
	t.Helper()
	source, err := kafka.New(kafka.Config{Config: b.config, Group: group, Topics: topics})
	require.NoError(t, err)
	return source.Lag(t.Context())
}

func TestLagNamesTheNewestRecord(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	for _, group := range []string{"", "group"} {
		lag, err := b.lag(t, group, topic)
		require.NoError(t, err)
		require.Len(t, lag, 3)
		for partition, l := range lag {
			require.Equal(t, consume.Lag{Topic: topic, Partition: int32(partition), Behind: -1}, l, "an empty partition")
		}
	}
	b.send(t, 1, 1, 4)
	a := newAccount()
	m := b.start(t, a.receive, consume.Config{})
	a.require(t, 1, 4)
	m.stop(t)
	b.send(t, 1, 5, 6)
	for group, behind := range map[string]int64{"": -1, "group": 2} {
		lag, err := b.lag(t, group, topic)
		require.NoError(t, err)
		found := 0
		for _, l := range lag {
			if l.Newest != nil {
				found++
				require.Equal(t, &consume.Position{Offset: 5}, l.Newest)
				require.Equal(t, behind, l.Behind)
			}
		}
		require.Equal(t, 1, found, "the partition of the key")
	}
	_, err := b.lag(t, "", topic, "missing")
	require.ErrorIs(t, err, kerr.UnknownTopicOrPartition)
	alone, err := kafka.New(kafka.Config{Config: b.config, Topics: []string{topic}})
	require.NoError(t, err)
	_, err = alone.Replay(t.Context(), time.Now(), false)
	require.ErrorContains(t, err, "found no group")
}

// The offset may be of an earlier topic of the same name, so the records that the topic has now are not read.
func TestLagBehindTheEndIsUnknown(t *testing.T) {
	t.Parallel()
	b := newBus(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.ListenAddrs()...))
	require.NoError(t, err)
	defer client.Close()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 100, -1)
	require.NoError(t, kadm.NewClient(client).CommitAllOffsets(t.Context(), "group", offsets))
	lag, err := b.lag(t, "group", topic)
	require.NoError(t, err)
	require.EqualValues(t, -1, lag[0].Behind)
}
