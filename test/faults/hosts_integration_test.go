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

// hostTarget is a backend with servers on hosts of their own, and a consumer.
type hostTarget struct {
	// client is the name of the backend in the report.
	client string
	open   func(testing.TB) backend
	// read returns the IDs of the events in a topic.
	read func(t testing.TB, topic string) []signalcast.UUID
	// topic, unless nil, prepares a topic, and returns its name, which may have a suffix.
	topic func(t testing.TB, name string) string
	// source, unless nil, returns a source for the consumer and a function that closes it.
	source func(t testing.TB, topic string) (s consume.Source, closeSource func() error)
	// healthy are messages to servers that the faults do not affect.
	healthy []*signalcast.Message
	// relays means that the events pass through an outbox and a relay.
	relays bool
	// allowed returns how many duplicates the backend may cause.
	allowed func(b backend) (atMost int)
}

// hostScenario is a fault that occurs while events are sent, relayed and consumed.
type hostScenario struct {
	name string
	// fault describes the fault in the report.
	fault string
	// load is the time for which events are sent. The fault begins after a quarter of it.
	load time.Duration
	// rate is the number of events per second. 0 means 400.
	rate int
	// open, read and source, unless nil, replace those of the target.
	open   func(testing.TB) backend
	read   func(t testing.TB, topic string) []signalcast.UUID
	source func(t testing.TB, topic string) (s consume.Source, closeSource func() error)
	// before, unless nil, prepares the servers for a topic.
	before func(topic string) error
	// inject causes the fault and ends it.
	inject func(topic string) error
	// movesKeys means that the fault moves keys to other partitions, so that the consumer may handle the events of a key out of order.
	movesKeys bool
	// denies means that the server rejects messages during the fault. Events may fail then, with the fate not written.
	denies bool
	// unknown means that denied events may also fail with an unknown fate.
	unknown bool
	// loses means that the servers may lose events that they have acknowledged.
	loses bool
	// short means that the scenario is part of the short suite.
	short bool
}

// thirdIfShort returns d, or a third of it in the short suite.
func thirdIfShort(d time.Duration) time.Duration {
	if *full {
		return d
	}
	return d / 3
}

// hostGroup is a section of the report: targets with the same servers and faults.
type hostGroup struct {
	name, heading string
	// short means that the short suite has a part of the group.
	short bool
	// texts means that the section has the error texts that an operator sees.
	texts bool
	// start starts the servers.
	start func(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario)
}

func hostGroups() []hostGroup {
	return []hostGroup{
		{name: "kafka", heading: "Three Kafka brokers, the leader behind a broken network", short: true, start: startHostKafka},
		{name: "kafka-operations", heading: "Three Kafka brokers, operated while events are sent", start: startHostKafkaOperations},
		{name: "sentinel", heading: "A Redis master on the wrong side of a split network, with three Sentinels", start: startHostSentinel},
		{name: "disk", heading: "A full disk of Redis", start: startHostDisk},
		{name: "disk-kafka", heading: "A full disk of Kafka", short: true, texts: true, start: startHostKafkaDisk},
		{name: "clock", heading: "The clock of Redis", short: true, texts: true, start: startHostClock},
		{name: "slow-disk", heading: "A slow disk", short: true, texts: true, start: startHostSlowDisk},
		{name: "access-kafka", heading: "Rights, sessions and passwords of Kafka", short: true, texts: true, start: startHostKafkaAccess},
		{name: "access", heading: "Rights and passwords of Redis", start: startHostRedisAccess},
		{name: "cluster", heading: "A Redis Cluster, three masters with a replica each", short: true, start: startHostCluster},
	}
}

// TestHosts causes faults of servers and of the network between them. The client and each server have a host of their own. The
// requirements are those of TestFaults, and that a consumer handles every event in order.
//
//nolint:paralleltest // it measures the heap and counts the goroutines of the process
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
					writeGroup(t, *write, group, rows)
				}
			})
		}
		t.Run("listeners", func(t *testing.T) { testListeners(t, n) })
		t.Run("many", func(t *testing.T) { testManyTopics(t, n) })
	})
}
