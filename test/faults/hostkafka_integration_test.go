//go:build integration

package faults_test

import (
	"context"
	"errors"
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

// hostKafka is a cluster of three brokers, each on a host of its own. The first one leads the topics of the test.
type hostKafka struct {
	network *hosts.Network
	brokers []string
	hosts   []hosts.Host
	servers []*server
	admin   *kgo.Client
}

func newHostKafka(t *testing.T, n *hosts.Network, options ...string) *hostKafka {
	t.Helper()
	const nodes = 3
	c := &hostKafka{network: n}
	var voters []string
	for i := range nodes {
		h := n.Add(t, fmt.Sprint("kafka-", i+1))
		c.hosts, c.brokers = append(c.hosts, h), append(c.brokers, h.Addr+":9092")
		voters = append(voters, fmt.Sprintf("%d@%s:9093", i+1, h.Addr))
		c.servers = append(c.servers, newServerOn(t, &h, "kafka.sh", "hosts-"+h.Name))
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
	var err error
	c.admin, err = kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	t.Cleanup(c.admin.Close)
	return c
}

// newHostBroker starts one broker on a host of its own, with the settings for its address. environ is its environment, or nil.
func newHostBroker(t *testing.T, n *hosts.Network, name string, environ []string, settings func(addr string) []string) *hostKafka {
	t.Helper()
	h := n.Add(t, name)
	c := &hostKafka{network: n, hosts: []hosts.Host{h}, brokers: []string{h.Addr + ":9092"}}
	s := newServerOn(t, &h, "kafka.sh", "hosts-"+h.Name)
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
	c.admin, err = kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.DisableClientMetrics())
	require.NoError(t, err)
	t.Cleanup(c.admin.Close)
	return c
}

// createHere creates a topic of six partitions on the only broker.
func (c *hostKafka) createHere(topic string) error {
	return c.create(topic, []int32{1}, []int32{1}, []int32{1}, []int32{1}, []int32{1}, []int32{1})
}

// create creates a topic with partitions whose replicas are given, the leader first.
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

// createLed creates a topic with three partitions that the first broker leads.
func (c *hostKafka) createLed(topic string) error {
	return c.create(topic, []int32{1, 2, 3}, []int32{1, 3, 2}, []int32{1, 2, 3})
}

// targets returns both backends, each with a consumer, and one that relays. Others publish to the second and third broker.
func (c *hostKafka) targets(t *testing.T) []hostTarget {
	t.Helper()
	const beside = "beside"
	require.NoError(t, c.create(beside, []int32{2, 3, 1}, []int32{3, 2, 1}))
	var healthy []*signalcast.Message
	for partition := range 2 {
		m := kafkatest.Numbered(beside, 1, partition)
		for i := 0; kafkabus.Partition(m.Key, 2) != partition; i++ {
			m.Key = fmt.Append(nil, i)
		}
		healthy = append(healthy, m)
	}
	for range 300 { // so that the first latencies are those of warm brokers
		require.NoError(t, c.admin.ProduceSync(t.Context(), &kgo.Record{Topic: beside, Value: []byte("warm")}).FirstErr())
	}
	config := c.config(t)
	relay := c.target("kafka-go", openKafka, &config, &config)
	relay.client, relay.relays = "relay, kafka-go", true
	targets := []hostTarget{c.target("franz-go", openFranz, &config, &config), c.target("kafka-go", openKafka, &config, &config), relay}
	for i := range targets {
		targets[i].healthy = healthy
	}
	return targets
}

// config returns the configuration of a client, with a schema registry.
func (c *hostKafka) config(t testing.TB) kafkaconfig.Config {
	t.Helper()
	return kafkaconfig.Config{
		Brokers: c.brokers, SchemaRegistry: kafkatest.NewRegistry(t).URL,
		BufferMessages: bufferMessages, BufferBytes: bufferBytes,
		RequestTimeout: readTimeout, DialTimeout: dialTimeout, DeliveryTimeout: delivery,
	}
}

// target returns a backend and a consumer, which read their configurations when a scenario begins.
func (c *hostKafka) target(client string, open func(testing.TB, kafkaconfig.Config) backend, config, reading *kafkaconfig.Config) hostTarget {
	return hostTarget{
		client: client, allowed: func(backend) int { return 0 },
		open: func(t testing.TB) backend {
			t.Helper()
			return open(t, *config)
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
	fault := func(name, fault string, d time.Duration, begin, end func() error) hostScenario {
		return hostScenario{
			name: name, fault: fault, load: 2 * d, before: c.createLed,
			inject: func(string) error { return during(d, begin, end) },
		}
	}
	toBroker := func(f func(from, to hosts.Host) error) func() error { return func() error { return f(client, leader) } }
	toClient := func(f func(from, to hosts.Host) error) func() error { return func() error { return f(leader, client) } }
	both := func(f func(from, to hosts.Host) error) func() error {
		return func() error { return errors.Join(f(client, leader), f(leader, client)) }
	}
	outage := 6 * time.Second
	if !*full {
		outage = 4 * time.Second // longer than one wait for a response
	}
	var heal func() error
	scenarios := []hostScenario{
		fault("to broker", "packets from the client to the leader dropped for 6 s", 6*time.Second, toBroker(n.Drop), toBroker(n.Pass)),
		fault("to client", "packets from the leader to the client dropped for 6 s", 6*time.Second, toClient(n.Drop), toClient(n.Pass)),
		fault("half open", fmt.Sprintf("packets in both directions dropped for %.0f s, without a reset", outage.Seconds()), outage, both(n.Drop), both(n.Pass)),
		fault("slow", "50 ms delay each way and 5 % loss between client and leader for 10 s", 10*time.Second, func() (err error) {
			heal, err = n.Slow(client, leader, 50*time.Millisecond, 0.05)
			return err
		}, func() error { return heal() }),
		fault("isolated", "leader cut off from the client and both other brokers for 12 s", 12*time.Second,
			func() error { return n.Isolate(leader) }, func() error { return n.Rejoin(leader) }),
	}
	scenarios[2].short = true
	return c.targets(t), scenarios
}
