package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"syscall"
	"time"
)

// contest is work that several contenders do.
type contest struct {
	name string
	// about describes the work.
	about      string
	contenders []contender
}

// contender is one implementation of the work of a contest.
type contender struct {
	name string
	// events is the number of events of a round.
	events int
	// run sends n events and returns when all of them are acknowledged.
	run func(ctx context.Context, n int) error
	// stored returns the number of events that the server has stored for this
	// contender. It is nil if there is no server.
	stored func(ctx context.Context) (int, error)
	// outside replaces run for work that another process does and measures.
	outside func(ctx context.Context, n int) (sample, error)
}

// sample holds the figures of one round, for each event.
type sample struct {
	// ns is time and cpu is processor time of this process, both in nanoseconds.
	ns, cpu float64
	// allocs and bytes count allocations and their bytes.
	allocs, bytes float64
	// heap is the largest size of the heap during the round, in bytes.
	heap float64
	// parts are the shares of cpu, if it was profiled, and server is the processor time of the servers, in nanoseconds.
	parts  shares
	server float64
	// p99 is the time of the slowest hundredth of the events. If it is not 0, ns is the median, and the other figures are 0.
	p99 float64
}

// result holds the samples of one contender, one per round.
type result struct {
	name    string
	samples []sample
}

// runAll runs each contender once without measuring it, and then in rounds. Half as many further rounds are profiled, which allocates.
func (c contest) runAll(ctx context.Context, rounds int) (results, profiles []result, err error) {
	for _, contender := range c.contenders {
		if _, err := contender.measure(ctx, max(1, contender.events/10)); err != nil {
			return nil, nil, fmt.Errorf("%s, %s: %w", c.name, contender.name, err)
		}
	}
	if results, err = c.runRounds(ctx, rounds); err != nil {
		return nil, nil, err
	}
	profiling = true
	defer func() { profiling = false }()
	profiles, err = c.runRounds(ctx, (rounds+1)/2)
	return results, profiles, err
}

// runRounds runs each contender once in each round. A different contender starts each round.
func (c contest) runRounds(ctx context.Context, rounds int) ([]result, error) {
	results := make([]result, len(c.contenders))
	for i, contender := range c.contenders {
		results[i].name = contender.name
	}
	for round := range rounds {
		for i := range c.contenders {
			at := (i + round) % len(c.contenders)
			s, err := c.contenders[at].measure(ctx, c.contenders[at].events)
			if err != nil {
				return nil, fmt.Errorf("%s, %s, round %d: %w", c.name, c.contenders[at].name, round+1, err)
			}
			results[at].samples = append(results[at].samples, s)
		}
	}
	return results, nil
}

// measure runs the contender and checks that the server has stored each event once.
func (c contender) measure(ctx context.Context, n int) (sample, error) {
	before, err := c.count(ctx)
	if err != nil {
		return sample{}, err
	}
	var s sample
	if c.outside != nil {
		s, err = c.outside(ctx, n)
	} else {
		s, err = cost(n, func() error { return c.run(ctx, n) })
	}
	if err != nil {
		return sample{}, err
	}
	after, err := c.count(ctx)
	if err == nil && c.stored != nil && after-before != n {
		err = fmt.Errorf("found %[2]d events stored; want %[1]d", n, after-before)
	}
	return s, err
}

func (c contender) count(ctx context.Context) (int, error) {
	if c.stored == nil {
		return 0, nil
	}
	return c.stored(ctx)
}

// cost measures work and returns the cost of each of its n events.
func cost(n int, work func() error) (sample, error) {
	runtime.GC()
	stopProfile := func() (shares, error) { return shares{}, nil }
	var err error
	if profiling {
		if stopProfile, err = startProfile(); err != nil {
			return sample{}, err
		}
	}
	server := serverTime(serverProcesses)
	stop := watchHeap()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := processorTime(), time.Now()
	err = work()
	elapsed, used := time.Since(start), processorTime()-cpu
	runtime.ReadMemStats(&after)
	heap := stop()
	server = serverTime(serverProcesses) - server
	parts, faulty := stopProfile()
	each := func(total uint64) float64 { return float64(total) / float64(n) }
	return sample{
		ns: float64(elapsed) / float64(n), cpu: float64(used) / float64(n),
		allocs: each(after.Mallocs - before.Mallocs), bytes: each(after.TotalAlloc - before.TotalAlloc),
		heap: heap, parts: parts, server: float64(server) / float64(n),
	}, errors.Join(err, faulty)
}

// watchHeap samples the size of the heap until the function it returns is called.
// That function returns the largest size.
func watchHeap() func() float64 {
	stop, largest := make(chan struct{}), make(chan float64)
	go func() {
		ticks := time.NewTicker(5 * time.Millisecond)
		defer ticks.Stop()
		seen := 0.0
		size := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		for {
			metrics.Read(size)
			seen = max(seen, float64(size[0].Value.Uint64()))
			select {
			case <-ticks.C:
			case <-stop:
				largest <- seen
				return
			}
		}
	}()
	return func() float64 {
		close(stop)
		return <-largest
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// metric is one figure of a sample.
type metric func(sample) float64

func byTime(s sample) float64         { return s.ns }
func byProcessor(s sample) float64    { return s.cpu }
func byAllocs(s sample) float64       { return s.allocs }
func byBytes(s sample) float64        { return s.bytes }
func byHeap(s sample) float64         { return s.heap }
func byP99(s sample) float64          { return s.p99 }
func inMilliseconds(s sample) float64 { return s.ns / 1e6 }

// median returns the median of one figure over the rounds.
func (r result) median(of metric) float64 {
	values := make([]float64, len(r.samples))
	for i, s := range r.samples {
		values[i] = of(s)
	}
	return median(values)
}

// ratio returns the median of the ratios of r to other in each round. Noise that
// slows down a whole round does not change it.
func (r result) ratio(other result, of metric) float64 {
	values := make([]float64, len(r.samples))
	for i := range r.samples {
		values[i] = of(r.samples[i]) / of(other.samples[i])
	}
	return median(values)
}

// spread returns the difference of the largest and smallest figure, divided by the median.
func (r result) spread(of metric) float64 {
	least, most := math.Inf(1), math.Inf(-1)
	for _, s := range r.samples {
		least, most = min(least, of(s)), max(most, of(s))
	}
	return (most - least) / r.median(of)
}

func median(values []float64) float64 {
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
