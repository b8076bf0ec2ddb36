//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	consumekafka "github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/test/hosts"
)

// hostKafka is a cluster of one or three brokers, each on a host of its own.
type hostKafka struct {
	brokers []string // their addresses
	hosts   []hosts.Host
	servers []*server
	admin   *kgo.Client
}

// newHostKafka starts three brokers.
func newHostKafka(t *testing.T, n *hosts.Network, options ...string) *hostKafka {
	t.Helper()
	const nodes = 3
	c := &hostKafka{}
	var voters []string
	for i := range nodes {
		h := n.Add(t, fmt.Sprint("kafka-", i+1))
		c.hosts, c.brokers = append(c.hosts, h), append(c.brokers, h.Addr+":9092")
		voters = append(voters, fmt.Sprintf("%d@%s:9093", i+1, h.Addr))
		c.servers = append(c.servers, newHostServer(t, h, "kafka.sh"))
	}
	ready := make(chan error, nodes)
	for i, s := range c.servers {
		args := append([]string{"start", "--clean", "--port", "9092"}, options...)
		for _, line := range []string{
			fmt.Sprint("node.id=", i+1), "controller.quorum.voters=" + strings.Join(voters, ","),
			fmt.Sprintf("listeners=PLAINTEXT://%s,CONTROLLER://%s:9093", c.brokers[i], c.hosts[i].Addr),
			"advertised.listeners=PLAINTEXT://" + c.brokers[i],
			"default.replication.factor=3", "min.insync.replicas=2", "offsets.topic.replication.factor=3",
		} {
			args = append(args, "--set", line)
		}
		go func() {
			_, err := s.Run(args...)
			ready <- err
		}()
	}
	for range nodes {
		require.NoError(t, <-ready)
	}
	c.admin = newAdmin(t, c.brokers)
	return c
}

// newHostBroker starts one broker on a host of its own. settings returns additional settings for the address of the host. environ is the
// environment of the broker. Nil means that of the test.
func newHostBroker(t *testing.T, n *hosts.Network, name string, environ []string, settings func(addr string) []string) *hostKafka {
	t.Helper()
	h := n.Add(t, name)
	c := &hostKafka{hosts: []hosts.Host{h}, brokers: []string{h.Addr + ":9092"}}
	s := newHostServer(t, h, "kafka.sh")
	s.Environ = environ
	args := []string{"start", "--clean", "--port", "9092"}
	for _, line := range append([]string{
		"controller.quorum.voters=1@127.0.0.1:9093", "listeners=PLAINTEXT://" + c.brokers[0] + ",CONTROLLER://127.0.0.1:9093",
		"advertised.listeners=PLAINTEXT://" + c.brokers[0],
	}, settings(h.Addr)...) {
		args = append(args, "--set", line)
	}
	_, err := s.Run(args...)
	require.NoError(t, err)
	c.servers = []*server{s}
	c.admin = newAdmin(t, c.brokers)
	return c
}

// createUnreplicated creates a topic of six partitions whose only replica is on the first broker.
func (c *hostKafka) createUnreplicated(topic string) error {
	return c.create(topic, []int32{1}, []int32{1}, []int32{1}, []int32{1}, []int32{1}, []int32{1})
}

// create creates a topic. partitions has the replicas of each partition, the leader first.
func (c *hostKafka) create(topic string, partitions ...[]int32) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	create := kmsg.NewCreateTopicsRequestTopic()
	create.Topic, create.NumPartitions, create.ReplicationFactor = topic, -1, -1
	for i, replicas := range partitions {
		assignment := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
		assignment.Partition, assignment.Replicas = int32(i), replicas
		create.ReplicaAssignment = append(create.ReplicaAssignment, assignment)
	}
	request.Topics = append(request.Topics, create)
	response, err := request.RequestWith(context.Background(), c.admin)
	if err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	if code := response.Topics[0].ErrorCode; code != 0 {
		return fmt.Errorf("create %s: error %d", topic, code)
	}
	return nil
}

// createLedByFirst creates a topic of three partitions. The first of the three brokers leads all of them.
func (c *hostKafka) createLedByFirst(topic string) error {
	return c.create(topic, []int32{1, 2, 3}, []int32{1, 3, 2}, []int32{1, 2, 3})
}

// targets returns both backends and a relay. The healthy messages go to the second and the third broker.
func (c *hostKafka) targets(t *testing.T) []hostTarget {
	t.Helper()
	const healthyTopic = "healthy"
	require.NoError(t, c.create(healthyTopic, []int32{2, 3, 1}, []int32{3, 2, 1}))
	var healthy []*signalcast.Message
	for partition := range 2 {
		m := kafkatest.Numbered(healthyTopic, 1, partition)
		for i := 0; kafkabus.Partition(m.Key, 2) != partition; i++ {
			m.Key = fmt.Append(nil, i)
		}
		healthy = append(healthy, m)
	}
	for range 300 { // the first writes to a new broker are slow
		require.NoError(t, c.admin.ProduceSync(t.Context(), &kgo.Record{Topic: healthyTopic, Value: []byte("warm")}).FirstErr())
	}
	config := c.config(t)
	targets := c.bothTargets(&config, &config)
	relay := targets[1]
	relay.client, relay.relays = "relay, "+relay.client, true
	targets = append(targets, relay)
	for i := range targets {
		targets[i].healthy = healthy
	}
	return targets
}

// config returns the configuration of a backend, with a new schema registry.
func (c *hostKafka) config(t testing.TB) kafkaconfig.Config {
	t.Helper()
	return kafkaconfig.Config{
		Brokers: c.brokers, SchemaRegistry: kafkatest.NewRegistry(t).URL,
		BufferMessages: bufferMessages, BufferBytes: bufferBytes,
		RequestTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: delivery,
	}
}

// kafkaClient is a client library for Kafka and the backend that uses it.
type kafkaClient struct {
	name string
	open func(testing.TB, kafkaconfig.Config) backend
}

var franzGo, kafkaGo = kafkaClient{"franz-go", openFranz}, kafkaClient{"kafka-go", openKafka}

// bothTargets returns a target for each backend.
func (c *hostKafka) bothTargets(writing, reading *kafkaconfig.Config) []hostTarget {
	return []hostTarget{c.target(franzGo, writing, reading), c.target(kafkaGo, writing, reading)}
}

// target returns a target that writes to and reads from Kafka. It reads the configurations when a scenario begins.
func (c *hostKafka) target(client kafkaClient, writing, reading *kafkaconfig.Config) hostTarget {
	return hostTarget{
		client: client.name, allowed: func(backend) int { return 0 },
		open: func(t testing.TB) backend {
			t.Helper()
			return client.open(t, *writing)
		},
		source: func(t testing.TB, topic string) (consume.Source, func() error) {
			t.Helper()
			s, err := consumekafka.New(consumekafka.Config{
				Config: *reading, Group: topic, Topics: []string{topic}, Start: consume.Earliest(),
			})
			require.NoError(t, err)
			return s, func() error { return nil }
		},
		read: func(t testing.TB, topic string) []signalcast.UUID {
			t.Helper()
			awaitLeaders(t, c.brokers, topic)
			return kafkaIDs(t, topic, c.brokers)
		},
	}
}

// kafkaIDs returns the IDs of the events in a topic.
func kafkaIDs(t testing.TB, topic string, brokers []string) (ids []signalcast.UUID) {
	t.Helper()
	for _, r := range kafkatest.Read(t, topic, kgo.SeedBrokers(brokers...)) {
		for _, h := range r.Headers {
			if h.Key == "ce_id" {
				id, err := signalcast.ParseUUID(string(h.Value))
				require.NoError(t, err)
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// startHostKafka starts three brokers. The network fails between the client and the first one, which leads the topic.
func startHostKafka(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	c := newHostKafka(t, n)
	leader, client := c.hosts[0], n.Client
	drop := func(from, to hosts.Host) func(string) error {
		return func(string) error {
			return during(6*time.Second, func() error { return n.Drop(from, to) }, func() error { return n.Pass(from, to) })
		}
	}
	outage := 6 * time.Second
	if !*full {
		outage = 4 * time.Second // longer than one wait for a response
	}
	return c.targets(t), []hostScenario{{
		name: "to broker", fault: "packets from the client to the leader dropped for 6 s", load: 12 * time.Second,
		before: c.createLedByFirst, inject: drop(client, leader),
	}, {
		name: "to client", fault: "packets from the leader to the client dropped for 6 s", load: 12 * time.Second,
		before: c.createLedByFirst, inject: drop(leader, client),
	}, {
		name: "half open", fault: fmt.Sprintf("packets in both directions dropped for %.0f s, without a reset", outage.Seconds()), load: 2 * outage, short: true,
		before: c.createLedByFirst, inject: func(string) error { return dropBetween(n, client, leader, outage) },
	}, {
		name: "slow", fault: "50 ms delay each way and 5 % loss between client and leader for 10 s", load: 20 * time.Second,
		before: c.createLedByFirst, inject: func(string) error { return slowBetween(n, client, leader) },
	}, {
		name: "isolated", fault: "leader cut off from the client and both other brokers for 12 s", load: 24 * time.Second,
		before: c.createLedByFirst, inject: func(string) error {
			return during(12*time.Second, func() error { return n.Isolate(leader) }, func() error { return n.Rejoin(leader) })
		},
	}}
}
