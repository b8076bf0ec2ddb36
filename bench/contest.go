package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"syscall"
	"time"
)

// contest is one piece of work that several contenders do.
type contest struct {
	name string
	// about says what the work is.
	about      string
	contenders []contender
}

// contender does the work of a contest in its own way.
type contender struct {
	name string
	// events is how often a round does the work.
	events int
	// run does the work n times and returns when all of it is done and acknowledged.
	run func(ctx context.Context, n int) error
	// stored returns how many events the server has taken from this contender so
	// far. Nil where there is no server.
	stored func(ctx context.Context) (int, error)
	// outside is run for work that another process does and measures.
	outside func(ctx context.Context, n int) (sample, error)
}

// sample is what one event cost in one round.
type sample struct {
	// ns and cpu are nanoseconds of time and of this process's processors.
	ns, cpu float64
	// allocs and bytes count what was allocated.
	allocs, bytes float64
	// heap is the largest heap that was seen during the round, in bytes.
	heap float64
}

// result holds the samples of one contender, one for each round.
type result struct {
	name    string
	samples []sample
}

// hold lets every contender do its work once without measuring, and then once in
// each round, one after the other. Who begins changes from round to round.
func (c contest) hold(ctx context.Context, rounds int) ([]result, error) {
	results := make([]result, len(c.contenders))
	for i, contender := range c.contenders {
		results[i].name = contender.name
		if _, err := contender.measure(ctx, max(1, contender.events/10)); err != nil {
			return nil, fmt.Errorf("%s, %s: %w", c.name, contender.name, err)
		}
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

// measure runs the contender and checks that the server has stored every event, once.
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
		err = fmt.Errorf("%d events were sent, and the server has stored %d", n, after-before)
	}
	return s, err
}

func (c contender) count(ctx context.Context) (int, error) {
	if c.stored == nil {
		return 0, nil
	}
	return c.stored(ctx)
}

// cost measures what each of the n events costs that work handles.
func cost(n int, work func() error) (sample, error) {
	runtime.GC()
	stop := watchHeap()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := processorTime(), time.Now()
	err := work()
	elapsed, used := time.Since(start), processorTime()-cpu
	runtime.ReadMemStats(&after)
	heap := stop()
	each := func(total uint64) float64 { return float64(total) / float64(n) }
	return sample{
		ns: float64(elapsed) / float64(n), cpu: float64(used) / float64(n),
		allocs: each(after.Mallocs - before.Mallocs), bytes: each(after.TotalAlloc - before.TotalAlloc),
		heap: heap,
	}, err
}

// watchHeap looks at the size of the heap until the function that it returns is
// called, which tells the largest size seen.
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

func byTime(s sample) float64      { return s.ns }
func byProcessor(s sample) float64 { return s.cpu }
func byAllocs(s sample) float64    { return s.allocs }
func byBytes(s sample) float64     { return s.bytes }
func byHeap(s sample) float64      { return s.heap }

// median returns the median of one figure over the rounds.
func (r result) median(of metric) float64 {
	values := make([]float64, len(r.samples))
	for i, s := range r.samples {
		values[i] = of(s)
	}
	return median(values)
}

// ratio returns the median, over the rounds, of r's figure divided by other's in
// the same round, so that what slows both down does not show.
func (r result) ratio(other result, of metric) float64 {
	values := make([]float64, len(r.samples))
	for i := range r.samples {
		values[i] = of(r.samples[i]) / of(other.samples[i])
	}
	return median(values)
}

// spread returns how far the rounds are apart, as a part of the median.
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
