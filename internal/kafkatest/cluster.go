// Package kafkatest has the parts that tests of the Kafka backends need: a cluster and a schema
// registry in the process of the test, and a reader of topics.
package kafkatest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// patience is how long tests wait for a condition that must become true.
const patience = 30 * time.Second

// Cluster is a fake cluster that keeps its data in memory and can be disconnected.
type Cluster struct {
	*kfake.Cluster

	gate *gate
}

// NewCluster starts a cluster that creates topics on use with 3 partitions. It has one broker,
// unless the options set another number. It ends with the test.
func NewCluster(t testing.TB, options ...kfake.Opt) *Cluster {
	t.Helper()
	return NewStrictCluster(t, append([]kfake.Opt{kfake.AllowAutoTopicCreation()}, options...)...)
}

// NewStrictCluster starts a cluster that does not create topics on use.
func NewStrictCluster(t testing.TB, options ...kfake.Opt) *Cluster {
	t.Helper()
	g := &gate{conns: map[*gatedConn]struct{}{}}
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.DefaultNumPartitions(3),
		kfake.ListenFn(g.listen),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return &Cluster{Cluster: cluster, gate: g}
}

// Stop closes all connections and rejects new ones.
func (c *Cluster) Stop() { c.gate.shut() }

// Start accepts connections again.
func (c *Cluster) Start() { c.gate.open() }

// Cut closes the connections of the clients with a name when they send a request, from now on.
func (c *Cluster) Cut(clientID string) { c.gate.cut(clientID) }

// LoseAcknowledgements makes the cluster execute each of the next n produce requests and close the
// connection instead of replying.
func (c *Cluster) LoseAcknowledgements(n int) { c.gate.lose(n) }

// AcknowledgementsToLose returns the number of acknowledgements that are still to be lost.
func (c *Cluster) AcknowledgementsToLose() int { return c.gate.left() }

// StallProduceRequests stops the cluster from reading a produce request after its first bytes.
// The test must call resume before it ends.
func (c *Cluster) StallProduceRequests() (resume func()) { return c.gate.stall() }

// Read returns the records of a topic. Those of a partition are in the order of writing.
func (c *Cluster) Read(t testing.TB, topic string) []*kgo.Record {
	t.Helper()
	return Read(t, topic, kgo.SeedBrokers(c.ListenAddrs()...))
}

// Read returns the records of a topic, or none if the topic does not exist. Those of a partition
// are in the order of writing.
func Read(t testing.TB, topic string, options ...kgo.Opt) []*kgo.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client, err := kgo.NewClient(append(options,
		kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(10*time.Millisecond), kgo.DisableClientMetrics())...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	var left int64
	ends.Each(func(end kadm.ListedOffset) {
		if end.Err == nil {
			left += end.Offset
		}
	})
	var records []*kgo.Record
	for int64(len(records)) < left {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		records = append(records, fetches.Records()...)
	}
	slices.SortStableFunc(records, func(a, b *kgo.Record) int { return int(a.Partition) - int(b.Partition) })
	return records
}
