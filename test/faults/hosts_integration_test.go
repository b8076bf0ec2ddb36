//go:build integration

package faults_test

import (
	"strings"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/test/hosts"
)

// hostTarget is a client with servers on hosts of their own.
type hostTarget struct {
	client string
	open   func(testing.TB) backend
	read   func(t testing.TB, topic string) []signalcast.UUID
	// topic, unless nil, returns the topic of a test.
	topic func(t testing.TB, name string) string
	// source returns a source of the topic and a function that closes it.
	source func(t testing.TB, topic string) (s consume.Source, closes func() error)
	// healthy are messages to servers that the faults do not concern.
	healthy []*signalcast.Message
	// relays says whether the events pass through an outbox and a relay.
	relays bool
	// allowed returns how many duplicates the backend may cause.
	allowed func(b backend) (atMost int)
}

// hostScenario is a fault that occurs while events are sent, relayed and consumed.
type hostScenario struct {
	name, fault string
	// load is the time for which events are sent. The fault begins after a quarter of it.
	load time.Duration
	// rate is the number of events per second. 0 means 400.
	rate int
	// open, read and source, unless nil, replace those of the target.
	open   func(testing.TB) backend
	read   func(t testing.TB, topic string) []signalcast.UUID
	source func(t testing.TB, topic string) (s consume.Source, closes func() error)
	// before, unless nil, prepares the servers for a topic.
	before func(topic string) error
	// inject causes the fault and ends it.
	inject func(topic string) error
	// moves says whether the fault moves keys to other partitions, so that consumers may handle events of a key out of order.
	moves bool
	// denies says whether the server rejects messages during the fault. They fail at once, and are certainly not written.
	denies bool
	// unknown says whether events may fail with an unknown fate.
	unknown bool
	// loses says whether the servers may lose events that they have acknowledged.
	loses bool
	// short says whether the scenario is part of the short suite.
	short bool
}

// brief returns a duration of the full suite, and a third of it in the short one.
func brief(d time.Duration) time.Duration {
	if *full {
		return d
	}
	return d / 3
}

// hostGroup is a table of the report: targets with the same servers and faults.
type hostGroup struct {
	name, table string
	// short says whether the short suite has a part of the group.
	short bool
	// says says whether the table has the texts that operators see.
	says  bool
	start func(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario)
}

func hostGroups() []hostGroup {
	return []hostGroup{
		{name: "kafka", table: "Three Kafka brokers, the leader behind a broken network", short: true, start: startHostKafka},
		{name: "kafka-operations", table: "Three Kafka brokers, operated while events are sent", start: startHostKafkaOperations},
		{name: "sentinel", table: "A Redis master on the wrong side of a split network, with three Sentinels", start: startHostSentinel},
		{name: "disk", table: "A full disk of Redis", start: startHostDisk},
		{name: "disk-kafka", table: "A full disk of Kafka", short: true, says: true, start: startHostKafkaDisk},
		{name: "clock", table: "The clock of Redis", short: true, says: true, start: startHostClock},
		{name: "slow-disk", table: "A slow disk", short: true, says: true, start: startHostSlowDisk},
		{name: "access-kafka", table: "Rights, sessions and passwords of Kafka", short: true, says: true, start: startHostKafkaAccess},
		{name: "access", table: "Rights and passwords of Redis", start: startHostRedisAccess},
		{name: "cluster", table: "A Redis Cluster, three masters with a replica each", short: true, start: startHostCluster},
	}
}

// TestHosts breaks the network between servers and their clients, each on a host of its own. Its requirements are those of
// TestFaults. In addition, consumers handle every event in order.
//
//nolint:paralleltest // it counts the goroutines of the process
func TestHosts(t *testing.T) {
	hosts.Run(t, func(t *testing.T, n *hosts.Network) {
		for _, group := range hostGroups() {
			t.Run(group.name, func(t *testing.T) {
				if !*full && !group.short {
					t.Skip("part of the full suite")
				}
				targets, scenarios := group.start(t, n)
				var rows []hostResult
				for _, target := range targets {
					for _, s := range scenarios {
						if !*full && (!s.short || target.relays) {
							continue
						}
						name := strings.NewReplacer(" ", "-", ",", "").Replace(target.client + " " + s.name)
						t.Run(name, func(t *testing.T) {
							topic := "hosts-" + name
							if target.topic != nil {
								topic = target.topic(t, topic)
							}
							r := target.run(t, s, topic)
							t.Logf("%+v", r)
							rows = append(rows, r)
							for _, problem := range r.problems {
								t.Error(problem)
							}
						})
					}
				}
				if *write != "" && len(rows) > 0 {
					writeHostTable(t, *write, group, rows)
				}
			})
		}
		t.Run("listeners", func(t *testing.T) { testListeners(t, n) })
		t.Run("many", func(t *testing.T) { testManyTopics(t, n) })
	})
}
