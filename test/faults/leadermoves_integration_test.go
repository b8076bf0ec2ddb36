//go:build integration

package faults_test

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// leaderMoves returns a scenario that moves the leader of a partition n times: by a controlled
// shutdown, by SIGKILL, by SIGSTOP and by the election of the preferred replica, in turns.
func leaderMoves(admin *kgo.Client, servers map[int32]*server, n int) scenario {
	means := []func(s *server, topic string) error{
		func(s *server, _ string) error { return s.restart() },
		func(s *server, _ string) error { return during(0, s.kill, s.restart) },
		func(s *server, _ string) error { return during(5*time.Second, s.suspend, s.resume) },
		func(_ *server, topic string) error { return moveLeader(admin, topic) },
	}
	const eachAtMost = 12 * time.Second // with a restart, until all replicas are in sync
	return scenario{
		name: "leaders moved", fault: fmt.Sprintf("leader moved %d times, by shutdown, `-9`, `SIGSTOP` and election", n), interrupts: true,
		load: time.Duration(n) * eachAtMost, rate: 2_000,
		inject: func(topic string) error {
			for i := range n {
				first, err := inSync(admin, topic, len(servers))
				if err != nil {
					return err
				}
				err = means[i%len(means)](servers[first.Leader], topic)
				for tries := 1; err != nil && tries < 5; tries++ { // a broker may be starting
					err = means[i%len(means)](servers[first.Leader], topic)
				}
				if err != nil {
					return fmt.Errorf("move %d: %w", i, err)
				}
			}
			return nil
		},
	}
}
