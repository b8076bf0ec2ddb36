//go:build integration

package faults_test

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/test/faults"
	"github.com/signalcast/signalcast/test/ports"
)

func openFranz(t testing.TB, c kafkaconfig.Config) backend {
	t.Helper()
	b, err := franz.New(c)
	require.NoError(t, err)
	return b
}

func openKafka(t testing.TB, c kafkaconfig.Config) backend {
	t.Helper()
	b, err := kafka.New(c)
	require.NoError(t, err)
	return b
}

// noDuplicates is for an idempotent producer, which writes every message once.
func noDuplicates(backend, scenario) int { return 0 }

// kafkaTarget returns a target for brokers behind proxies.
func kafkaTarget(name string, brokers []string, registry *faults.Proxy, client string, proxies ...*faults.Proxy) *target {
	open := openFranz
	if client == "kafka-go" {
		open = openKafka
	}
	return &target{
		name:    name + ", " + client,
		proxies: append(proxies, registry),
		allowed: noDuplicates,
		open: func(t testing.TB) backend {
			t.Helper()
			return open(t, kafkaconfig.Config{
				Brokers: brokers, SchemaRegistry: "http://" + registry.Addr() + "/apis/ccompat/v7", RegisterOnUse: true,
				BufferMessages: bufferMessages, BufferBytes: bufferBytes,
				RequestTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: delivery,
			})
		},
		read: func(t testing.TB, topic string) []signalcast.UUID {
			t.Helper()
			awaitLeaders(t, brokers, topic)
			return kafkaIDs(t, topic, brokers)
		},
	}
}

// awaitLeaders waits until all brokers agree on the leaders of a topic's
// partitions and all replicas are in sync. A broker that was suspended serves
// old data as the leader until it learns of the new one.
func awaitLeaders(t testing.TB, brokers []string, topic string) {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	defer client.Close()
	require.Eventually(t, func() bool {
		views := map[string]bool{}
		for _, broker := range client.SeedBrokers() {
			request := kmsg.NewPtrMetadataRequest()
			of := kmsg.NewMetadataRequestTopic()
			of.Topic = &topic
			request.Topics = append(request.Topics, of)
			response, err := broker.Request(context.Background(), request)
			if err != nil {
				return false
			}
			partitions := response.(*kmsg.MetadataResponse).Topics[0].Partitions
			if len(partitions) == 0 {
				return false
			}
			leaders := map[int32]string{}
			for _, p := range partitions {
				if p.Leader < 0 || len(p.ISR) < len(brokers) {
					return false
				}
				leaders[p.Partition] = fmt.Sprint(p.Leader, " since ", p.LeaderEpoch)
			}
			views[fmt.Sprint(leaders)] = true
		}
		return len(views) == 1
	}, 30*time.Second, 50*time.Millisecond)
}

// startRegistry starts a schema registry and returns a proxy for it.
func startRegistry(t testing.TB) *faults.Proxy {
	t.Helper()
	s := startServer(t, "registry.sh", "registry")
	host := strings.Split(s.Env(t, "REGISTRY_URL"), "/")[2]
	return startProxy(t, host)
}

func startProxy(t testing.TB, upstream string) *faults.Proxy {
	t.Helper()
	p, err := faults.NewProxy(upstream)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

// startKafka starts one broker and a schema registry.
func startKafka(t testing.TB, client string) (*target, []scenario) {
	t.Helper()
	registry := startRegistry(t)
	port := ports.Pair(t)
	proxy := startProxy(t, fmt.Sprint("127.0.0.1:", port))
	s := startServer(t, "kafka.sh", "kafka", "--port", strconv.Itoa(port),
		"--set", "num.partitions=3", "--set", "advertised.listeners=PLAINTEXT://"+proxy.Addr())
	p := kafkaTarget("Kafka, one broker", []string{proxy.Addr()}, registry, client, proxy)
	return p, append(connectionFaults(proxy), scenario{
		name: "killed", fault: "broker killed with -9, and restarted", interrupts: true, short: true,
		inject: func(string) error { return during(0, s.kill, s.restart) },
	}, scenario{
		name: "stopped", fault: "broker stopped for 10 s", interrupts: true,
		inject: func(string) error { return during(10*time.Second, s.suspend, s.resume) },
	}, scenario{
		name: "registry", fault: "schema registry unreachable from before the first event, for 2 s", short: true,
		before: func() { registry.Set(faults.Away) },
		inject: func(string) error {
			<-time.After(2 * time.Second)
			registry.Set(faults.Healthy)
			return nil
		},
	})
}

// kafkaCluster has three brokers.
type kafkaCluster struct {
	brokers []string
	servers map[int32]*server // by ID
	admin   *kgo.Client
}

// startBrokers starts three brokers with three replicas of each partition.
func startBrokers(t testing.TB) kafkaCluster {
	t.Helper()
	const nodes = 3
	var first [nodes]int // the controller of a broker uses the next port
	var brokers, voters []string
	for i := range nodes {
		first[i] = ports.Pair(t)
		brokers = append(brokers, fmt.Sprint("127.0.0.1:", first[i]))
		voters = append(voters, fmt.Sprintf("%d@127.0.0.1:%d", i+1, first[i]+1))
	}
	servers := map[int32]*server{}
	ready := make(chan error, nodes)
	for i := range nodes {
		id := int32(i + 1)
		s := newServer(t, "kafka.sh", fmt.Sprint("kafka-", id))
		servers[id] = s
		go func() {
			_, err := s.Run("start", "--clean", "--port", strconv.Itoa(first[i]),
				"--set", fmt.Sprint("node.id=", id), "--set", "controller.quorum.voters="+strings.Join(voters, ","),
				"--set", "num.partitions=3", "--set", "default.replication.factor=3", "--set", "min.insync.replicas=2")
			ready <- err
		}()
	}
	for range nodes {
		require.NoError(t, <-ready)
	}
	return kafkaCluster{brokers, servers, newAdmin(t, brokers)}
}

// newAdmin returns a client that is closed at the end of the test.
func newAdmin(t testing.TB, brokers []string) *kgo.Client {
	t.Helper()
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	t.Cleanup(admin.Close)
	return admin
}

// startCluster starts three brokers and a schema registry.
func startCluster(t testing.TB, client string) (*target, []scenario) {
	t.Helper()
	registry, cluster := startRegistry(t), startBrokers(t)
	servers, admin := cluster.servers, cluster.admin
	ofLeader := func(d time.Duration, begin, end func(*server) error) func(string) error {
		return func(topic string) error {
			first, err := partition(admin, topic, -1)
			if err != nil {
				return err
			}
			s := servers[first.Leader]
			return during(d, func() error { return begin(s) }, func() error { return end(s) })
		}
	}
	p := kafkaTarget("Kafka, three brokers, min.insync.replicas 2", cluster.brokers, registry, client)
	return p, []scenario{leaderMoves(admin, servers, *moves), {
		name: "leader killed", fault: "leader of a partition killed with -9, and restarted after 3 s", interrupts: true, short: true,
		inject: ofLeader(3*time.Second, (*server).kill, (*server).restart),
	}, {
		name: "leader stopped", fault: "leader of a partition stopped for 10 s", interrupts: true,
		inject: ofLeader(10*time.Second, (*server).suspend, (*server).resume),
	}, {
		name: "leader moved", fault: "leadership of a partition moved to another broker", interrupts: true,
		inject: func(topic string) error { return moveLeader(admin, topic) },
	}}
}

// partition waits until the first partition of a topic has a leader other than
// not, and returns its details. Any leader will do if not is -1.
func partition(client *kgo.Client, topic string, not int32) (kadm.PartitionDetail, error) {
	return await(client, topic, func(p kadm.PartitionDetail) bool { return len(p.ISR) > 1 && p.Leader != not })
}

// inSync waits until n replicas of the first partition of a topic are in sync, and returns its details.
func inSync(client *kgo.Client, topic string, n int) (kadm.PartitionDetail, error) {
	return await(client, topic, func(p kadm.PartitionDetail) bool { return len(p.ISR) == n && p.Leader >= 0 })
}

// await waits until ready returns true of the first partition of a topic, and returns its details.
func await(client *kgo.Client, topic string, ready func(kadm.PartitionDetail) bool) (kadm.PartitionDetail, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		topics, err := kadm.NewClient(client).ListTopics(ctx, topic)
		if err == nil && ready(topics[topic].Partitions[0]) {
			return topics[topic].Partitions[0], nil
		}
		if ctx.Err() != nil {
			return kadm.PartitionDetail{}, fmt.Errorf("waiting for a partition: %w", cmp.Or(err, ctx.Err()))
		}
		<-time.After(50 * time.Millisecond)
	}
}

// moveLeader makes the second replica of the first partition its leader.
func moveLeader(client *kgo.Client, topic string) error {
	first, err := partition(client, topic, -1)
	if err != nil {
		return err
	}
	admin := kadm.NewClient(client)
	var move kadm.AlterPartitionAssignmentsReq
	move.Assign(topic, 0, append(first.Replicas[1:], first.Replicas[0]))
	if _, err := admin.AlterPartitionAssignments(context.Background(), move); err != nil {
		return err
	}
	var elect kadm.TopicsSet
	elect.Add(topic, 0)
	if _, err := admin.ElectLeaders(context.Background(), kadm.ElectPreferredReplica, elect); err != nil {
		return err
	}
	_, err = partition(client, topic, first.Leader)
	return err
}
