//go:build integration

package faults_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalcast/signalcast/test/hosts"
)

// startHostClock starts a Redis server. Its clock is set forward or back by an hour, and then set right again.
func startHostClock(t *testing.T, n *hosts.Network) ([]hostTarget, []hostScenario) {
	t.Helper()
	clock := newPreload(t, "clock.c")
	h := n.Add(t, "clock")
	_, client := startHostRedis(t, h, clock.environ())
	target := redisTarget(singleRedis(h), only(client))
	step := func(hours int64) func(string) error {
		return func(string) error {
			before, err := client.Time(context.Background()).Result()
			if err != nil {
				return err
			}
			return during(thirdIfShort(5*time.Second), func() error {
				if err := clock.set(hours * 3600); err != nil {
					return err
				}
				after, err := client.Time(context.Background()).Result()
				if moved := after.Sub(before).Abs(); err == nil && moved < 59*time.Minute {
					err = errors.New("found the clock of the server moved by " + moved.String() + "; want an hour")
				}
				return err
			}, clock.reset)
		}
	}
	return []hostTarget{target}, []hostScenario{
		{name: "forward", fault: "clock of the server set an hour forward, and back after 5 s", load: thirdIfShort(12 * time.Second), short: true, inject: step(1)},
		{name: "back", fault: "clock of the server set an hour back, and forward after 5 s", load: 12 * time.Second, inject: step(-1)},
	}
}
