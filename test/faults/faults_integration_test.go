//go:build integration

package faults_test

import (
	"cmp"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	full  = flag.Bool("full", false, "run every scenario at both rates")
	moves = flag.Int("moves", 4, "the `number` of leader moves in the scenario that moves leaders by several means")
	write = flag.String("write", "", "the `file` to write the report to")
)

// TestFaults breaks servers while events are sent. It requires that no acknowledged
// event is missing, that each event has one fate, that the order of each key
// holds, and the other requirements of docs/faults.md.
//
//nolint:paralleltest // it measures the heap and counts the goroutines of the process
func TestFaults(t *testing.T) {
	targets := []struct {
		name  string
		start func(testing.TB) (*target, []scenario)
	}{
		{"redis-always", func(t testing.TB) (*target, []scenario) { return startRedis(t, "always") }},
		{"redis-everysec", func(t testing.TB) (*target, []scenario) { return startRedis(t, "everysec") }},
		{"redis-cluster", startRedisCluster},
		{"franz", func(t testing.TB) (*target, []scenario) { return startKafka(t, "franz-go") }},
		{"kafka", func(t testing.TB) (*target, []scenario) { return startKafka(t, "kafka-go") }},
		{"franz-cluster", func(t testing.TB) (*target, []scenario) { return startCluster(t, "franz-go") }},
		{"kafka-cluster", func(t testing.TB) (*target, []scenario) { return startCluster(t, "kafka-go") }},
	}
	load, rates := time.Second, []int{20_000}
	if *full {
		load, rates = 2*time.Second, []int{2_000, 20_000}
	}
	var tables []table
	for _, at := range targets {
		t.Run(at.name, func(t *testing.T) {
			p, scenarios := at.start(t)
			rows := table{Target: p.name}
			for _, s := range scenarios {
				if !*full && !s.short {
					continue
				}
				t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
					rates, load := rates, cmp.Or(s.load, load)
					if s.rate > 0 {
						rates = []int{s.rate}
					}
					for _, rate := range rates {
						topic := strings.ReplaceAll(fmt.Sprint("faults-", s.name, "-", rate), " ", "-")
						o := p.run(t, s, topic, rate, load)
						t.Logf("%+v", o)
						rows.Results = append(rows.Results, o)
						for _, problem := range o.problems {
							t.Errorf("at %d events/s: %s", rate, problem)
						}
					}
				})
			}
			tables = append(tables, rows)
			if *write != "" {
				writeReport(t, *write, tables)
			}
		})
	}
}
