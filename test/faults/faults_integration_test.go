//go:build integration

package faults_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var (
	full  = flag.Bool("full", false, "run every scenario, at both rates")
	write = flag.String("write", "", "the `file` to write the table to")
)

// Whatever happens to the servers while events are sent: none that was
// acknowledged is missing, each has one fate, the order of each key holds, and
// everything else that the outcome's requirements say.
//
//nolint:paralleltest // it measures the heap and counts the goroutines of the process
func TestFaults(t *testing.T) {
	places := []struct {
		name  string
		start func(*testing.T) (*place, []scenario)
	}{
		{"redis-always", func(t *testing.T) (*place, []scenario) { return startRedis(t, "always") }},
		{"redis-everysec", func(t *testing.T) (*place, []scenario) { return startRedis(t, "everysec") }},
		{"franz", func(t *testing.T) (*place, []scenario) { return startKafka(t, "franz-go") }},
		{"kafka", func(t *testing.T) (*place, []scenario) { return startKafka(t, "kafka-go") }},
		{"franz-cluster", func(t *testing.T) (*place, []scenario) { return startCluster(t, "franz-go") }},
		{"kafka-cluster", func(t *testing.T) (*place, []scenario) { return startCluster(t, "kafka-go") }},
	}
	load, rates := time.Second, []int{20_000}
	if *full {
		load, rates = 2*time.Second, []int{2_000, 20_000}
	}
	var tables []table
	for _, at := range places {
		t.Run(at.name, func(t *testing.T) {
			p, scenarios := at.start(t)
			result := table{Place: p.name}
			for _, s := range scenarios {
				if !*full && !s.short {
					continue
				}
				t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
					for _, rate := range rates {
						topic := strings.ReplaceAll(fmt.Sprint("faults-", s.name, "-", rate), " ", "-")
						o := p.run(t, s, topic, rate, load)
						t.Logf("%+v", o)
						result.Outcomes = append(result.Outcomes, o)
						for _, problem := range o.problems {
							t.Errorf("at %d events/s: %s", rate, problem)
						}
					}
				})
			}
			tables = append(tables, result)
			if *write != "" {
				writeReport(t, *write, tables)
			}
		})
	}
}
