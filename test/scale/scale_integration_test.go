//go:build integration

package scale_test

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/scale"
)

var (
	write = flag.String("write", "", "measure everything and write this page")
	only  = flag.String("only", "", "with -write, measure only these and keep the other figures: "+
		strings.Join([]string{scale.Redis, scale.Kafka, scale.Franz}, ",")+","+strings.Join(costs(), ","))
)

const (
	warming   = 2.0 // seconds of load before a measurement
	measuring = 8.0
	resting   = 40.0 // longer than clients of Kafka keep idle connections
)

// plan is what a series measures.
type plan struct {
	bus                         string
	servers, topics, partitions int
	// rate is that of the growing fleets, and rates those of the fleet under load, in events per second.
	rate  float64
	rates []float64
	// idle is the time for the figures without events, in seconds. Clients of Kafka ask for metadata every 5 s.
	idle float64
}

// plans returns the plans of all series. Brokers that share two processors handle fewer requests than a Redis.
func plans() []plan {
	kafka := plan{bus: scale.Kafka, servers: 3, topics: 3, partitions: 2, rate: 1000, rates: []float64{250, 500, 1000, 2000, 5000, 10_000, 20_000}, idle: 12}
	franz := kafka
	franz.bus = scale.Franz
	redis := plan{bus: scale.Redis, servers: 3, topics: 3, partitions: 1, rate: 2000, rates: []float64{1000, 2000, 5000, 10_000, 20_000, 40_000}, idle: 5}
	return []plan{redis, kafka, franz}
}

// growth returns the numbers of producers of a series.
func growth() []int { return []int{1, 10, 50, 100, 250, 500} }

// bench measures fleets in one child.
type bench struct {
	site  site
	child *child
	open  clients // what grow adds
	n     int     // of producers
}

// grow adds producers until there are n. It returns when they are ready.
func (b *bench) grow(n int) {
	c := b.open
	c.Kind, c.First, c.N = "producers", b.n, n-b.n
	b.child.do(order{Open: &c})
	b.n = n
}

// point measures the fleet at a rate. It also returns quantiles of the time from accepting an event to its acknowledgement.
func (b *bench) point(t *testing.T, wanted, idle float64) (p scale.Point, quantiles []float64) {
	t.Helper()
	b.child.do(order{Load: &load{wanted, warming}})
	before, a0 := b.site.count(t), b.child.usage()
	began := time.Now()
	a := b.child.do(order{Load: &load{wanted, measuring}})
	took := time.Since(began).Seconds()
	after := b.site.count(t)
	p = scale.Point{
		Producers: b.n, Wanted: wanted, Events: float64(a.Events) / a.Seconds, Connections: after.connections,
		Goroutines: a.Goroutines, Descriptors: a.Descriptors, Heap: a.Heap, Stacks: a.Stacks,
		Writes:    (after.writes - before.writes + a.Writes - a0.Writes) / a.Seconds,
		ClientCPU: (a.CPU - a0.CollectedCPU) / took, ServerCPU: (after.cpu - before.cpu) / took, Mean: a.Mean, Median: a.Median, P99: a.P99,
	}
	p.Requests = p.Writes + (after.requests-before.requests)/a.Seconds
	p.IdleRequests, p.IdleClientCPU, p.IdleServerCPU = b.idle(t, idle)
	t.Logf("%+v", p)
	return p, a.Quantiles
}

// idle measures for some seconds without events.
func (b *bench) idle(t *testing.T, seconds float64) (requests, clientCPU, serverCPU float64) {
	t.Helper()
	if seconds == 0 {
		return 0, 0, 0
	}
	before, a0, began := b.site.count(t), b.child.usage(), time.Now()
	pause(t, seconds)
	after, took := b.site.count(t), time.Since(began).Seconds()
	a := b.child.usage()
	requests = after.requests + after.writes - before.requests - before.writes
	if after.reads > 0 {
		requests = after.reads - before.reads
	}
	return requests / took, (a.CPU - a0.CollectedCPU) / took, (after.cpu - before.cpu) / took
}

func pause(t *testing.T, seconds float64) {
	t.Helper()
	timer := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}

// measureSeries measures a growing fleet, and a producer at rising rates.
func measureSeries(t *testing.T, s site, p plan) scale.Series {
	t.Helper()
	found := scale.Series{Run: thisRun(t), Bus: p.bus, Servers: p.servers, Topics: p.topics, Partitions: p.partitions}
	open := s.clients(t, p.topics)
	open.Bus = p.bus
	b := &bench{site: s, child: startChild(t), open: open}
	b.grow(1)
	b.child.do(order{Load: &load{p.rates[len(p.rates)-1], 10}}) // brokers compile code that is used often
	calmest := math.Inf(1)
	for _, n := range growth() {
		b.grow(n)
		point, quantiles := b.point(t, p.rate, p.idle)
		found.Growth = append(found.Growth, point)
		if n > 1 && point.Mean < calmest {
			found.Flights, calmest = quantiles, point.Mean
		}
	}
	pause(t, resting)
	found.Rested = s.count(t).connections
	b.child.stop()
	b = &bench{site: s, child: startChild(t), open: open}
	b.grow(1)
	for _, wanted := range p.rates {
		point, _ := b.point(t, wanted, 0)
		found.Load = append(found.Load, point)
	}
	return found
}

// prioritise gives the processes of a session priority over other work of the machine. It needs permission, and a Linux that schedules
// sessions. Without them, the figures include waits for a processor.
func prioritise(pid int) {
	if *write != "" {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte("-10"), 0)
	}
}

func TestScale(t *testing.T) { //nolint:paralleltest // measures alone
	if *write == "" {
		t.Skip("make scale measures")
	}
	prioritise(os.Getpid()) // its children are of the same session
	measured := readMeasured(t)
	selected := func(name string) bool { return *only == "" || slices.Contains(strings.Split(*only, ","), name) }
	keep := func(s scale.Series) {
		measured.Series = put(measured.Series, s, func(old scale.Series) bool { return old.Bus == s.Bus })
		writeMeasured(t, measured)
	}
	for _, p := range plans() { //nolint:paralleltest // one series after the other
		if !selected(p.bus) {
			continue
		}
		t.Run(p.bus, func(t *testing.T) {
			var s site
			if p.bus == scale.Redis {
				s = startRedisCluster(t, p.servers)
			} else {
				s = startBrokers(t, p.partitions)
			}
			keep(measureSeries(t, s, p))
		})
	}
	if slices.ContainsFunc(costs(), selected) {
		measureCosts(t, selected, func(c scale.Cost) {
			measured.Costs = put(measured.Costs, c, func(old scale.Cost) bool { return old.Bus == c.Bus && old.Of == c.Of })
			writeMeasured(t, measured)
		}, func(s scale.Start) {
			measured.Starts = put(measured.Starts, s, func(old scale.Start) bool { return old.Producers == s.Producers })
			writeMeasured(t, measured)
		})
	}
	writePage(t, *write, measured)
}

// put replaces the element for which same is true, or appends one.
func put[T any](all []T, one T, same func(T) bool) []T {
	if i := slices.IndexFunc(all, same); i >= 0 {
		all[i] = one
		return all
	}
	return append(all, one)
}

// The page states these bounds of the connections and goroutines of a producer.
func TestProducersStayWithinTheirBounds(t *testing.T) { //nolint:paralleltest // beside TestScale
	s := startRedisCluster(t, 1)
	b := &bench{site: s, child: startChild(t), open: s.clients(t, 3)}
	b.grow(1)
	b.child.do(order{Load: &load{200, 1}})
	first := b.child.usage()
	const more = 20
	b.grow(1 + more)
	b.child.do(order{Load: &load{2000, 2}})
	second := b.child.usage()
	connections := slices.Max(s.count(t).connections)
	require.LessOrEqual(t, connections, (1+more)*scale.RedisMostConnections)
	require.GreaterOrEqual(t, connections, 1+more)
	require.LessOrEqual(t, second.Goroutines-first.Goroutines, more*scale.RedisGoroutines)
	b.child.stop()

	b = &bench{site: s, child: startChild(t), open: s.clients(t, 40)} // more streams than connections
	b.grow(1)
	b.child.do(order{Load: &load{20_000, 2}})
	require.Equal(t, scale.RedisMostConnections, slices.Max(s.count(t).connections))
	b.child.stop()

	open := s.clients(t, 3)
	open.Pipelines = 1
	b = &bench{site: s, child: startChild(t), open: open}
	b.grow(1)
	b.child.do(order{Load: &load{2000, 1}})
	require.Equal(t, []int{1}, s.count(t).connections)
}
