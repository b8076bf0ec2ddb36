//go:build integration

package faults_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/hosts"
)

// startHostKafkaDisk starts a broker with two log folders, each on a small disk of its own. Its metadata is on another disk.
func startHostKafkaDisk(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	base, err := filepath.Abs(filepath.Join("..", "..", ".run", "faults"))
	require.NoError(t, err)
	var c *hostKafka
	stop := func() {
		if c != nil {
			_, _ = c.servers[0].Run("stop")
		}
	}
	first := newSmallDisk(t, filepath.Join(base, "kafka-disk-1"), 96, stop)
	second := newSmallDisk(t, filepath.Join(base, "kafka-disk-2"), 96, stop)
	c = newHostBroker(t, n, "full", nil, func(string) []string {
		return []string{"metadata.log.dir=" + filepath.Join(base, "hosts-sc-full", "data"), "log.dirs=" + first.dir + "," + second.dir}
	})
	config := c.config(t)
	config.DeliveryTimeout = 2 * delivery // a broker may need long to start
	freeAndRestart := func(disks ...smallDisk) func() error {
		return func() (err error) {
			for _, d := range disks {
				err = errors.Join(err, d.free())
			}
			return errors.Join(err, c.servers[0].restart())
		}
	}
	targets := []hostTarget{c.target(kafkaGo, &config, &config)}
	if *full {
		targets = append(targets, c.target(franzGo, &config, &config))
	}
	return targets, []hostScenario{{
		name: "one folder", fault: "disk of one of two log folders full for 6 s, then the broker restarted", load: 16 * time.Second,
		before: c.createUnreplicated, inject: func(string) error { return during(6*time.Second, first.fill, freeAndRestart(first)) },
	}, {
		name: "all folders", fault: "disks of all log folders full for 6 s, so that the broker exits; then the broker restarted", load: thirdIfShort(16 * time.Second), short: true,
		before: c.createUnreplicated, inject: func(string) error {
			return during(thirdIfShort(6*time.Second), func() error { return errors.Join(first.fill(), second.fill()) }, freeAndRestart(first, second))
		},
	}}
}
