//go:build integration

package faults_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
)

// startHostSlowDisk starts servers that sync each write: a Redis with appendfsync always, and a Kafka broker with a flush for each batch.
func startHostSlowDisk(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	disk := newPreload(t, "slowdisk.c")
	h := n.Add(t, "slow-redis")
	_, client := startHostRedis(t, h, disk.environ(), "--fsync", "always")
	targets := []hostTarget{redisTarget(singleRedis(h), only(client))}
	if *full {
		c := newHostBroker(t, n, "slow-kafka", disk.environ(), func(string) []string { return []string{"log.flush.interval.messages=1"} })
		config := c.config(t)
		for _, target := range c.bothTargets(&config, &config) {
			target.topic = func(t testing.TB, name string) string {
				t.Helper()
				require.NoError(t, c.createUnreplicated(name))
				return name
			}
			targets = append(targets, target)
		}
	}
	var scenarios []hostScenario
	for _, delay := range []time.Duration{200 * time.Millisecond, 2 * time.Second} {
		scenarios = append(scenarios, hostScenario{
			name: delay.String(), fault: fmt.Sprintf("each sync of the disk takes %v longer, for 6 s", delay), load: thirdIfShort(10 * time.Second),
			short: delay < time.Second,
			inject: func(string) error {
				return during(thirdIfShort(6*time.Second), func() error { return disk.set(delay.Milliseconds()) }, disk.reset)
			},
		})
	}
	return targets, scenarios
}
