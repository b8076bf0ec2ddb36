//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/signalcast/signalcast/test/hosts"
)

// startHostKafkaOperations starts three brokers, which are operated while events are sent.
func startHostKafkaOperations(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	c := newHostKafka(t, n)
	const quota, bytesPerSecond = "producer_byte_rate", 50_000
	return c.targets(t), []hostScenario{{
		name: "rolling restart", fault: "each broker restarted in turn, when all replicas were in sync", load: 120 * time.Second, rate: 200,
		before: c.createLedByFirst, inject: c.rollingRestart,
	}, {
		name: "partitions added", fault: "partitions of the topic increased from 3 to 6", load: 16 * time.Second, movesKeys: true,
		before: c.createLedByFirst, inject: func(topic string) error {
			_, err := kadm.NewClient(c.admin).UpdatePartitions(context.Background(), 6, topic)
			return err
		},
	}, {
		name: "quota", fault: fmt.Sprintf("`%s` of %d set for 8 s, a fraction of what is sent", quota, bytesPerSecond), load: 16 * time.Second,
		before: c.createLedByFirst, inject: func(string) error {
			return during(8*time.Second,
				func() error { return c.setQuota(kadm.AlterClientQuotaOp{Key: quota, Value: bytesPerSecond}) },
				func() error { return c.setQuota(kadm.AlterClientQuotaOp{Key: quota, Remove: true}) })
		},
	}}
}

// setQuota changes a quota of the client ID of both backends.
func (c *hostKafka) setQuota(op kadm.AlterClientQuotaOp) error {
	client := "signalcast"
	changed, err := kadm.NewClient(c.admin).AlterClientQuotas(context.Background(), []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &client}}, Ops: []kadm.AlterClientQuotaOp{op},
	}})
	for _, one := range changed {
		if err == nil {
			err = one.Err
		}
	}
	return err
}

// rollingRestart restarts each broker when all replicas are in sync.
func (c *hostKafka) rollingRestart(topic string) error {
	for _, s := range c.servers {
		if _, err := inSync(c.admin, topic, len(c.servers)); err != nil {
			return err
		}
		if err := s.restart(); err != nil {
			return err
		}
	}
	_, err := inSync(c.admin, topic, len(c.servers))
	return err
}
