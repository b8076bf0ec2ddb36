package main

import (
	"math"
	"os"
	"testing"

	"github.com/google/pprof/profile"
)

func TestSampleBelongsToTheInnermostModule(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want  part
		stack []string // the innermost function first
	}{
		{inSignalcast, []string{"runtime.mallocgc", "bytes.Clone", "github.com/signalcast/signalcast/consume/kafka.(*block).copy", "main.consumeEvents"}},
		{inLibraries, []string{"net/http.(*Client).Do", "github.com/twmb/franz-go/pkg/kgo.(*Client).Request", "github.com/signalcast/signalcast/backends/franz.New"}},
		{inBench, []string{"encoding/binary.AppendVarint", "main.appendLong", "main.encode"}},
		{inCollector, []string{"runtime.scanObject", "runtime.gcDrain", "runtime.gcBgMarkWorker"}},
		{inCollector, []string{"runtime.gcAssistAlloc", "runtime.mallocgc", "github.com/signalcast/signalcast.NewUUID"}},
		{inKernel, []string{"internal/runtime/syscall/linux.Syscall6", "syscall.write", "net.(*conn).Write", "github.com/redis/go-redis/v9.(*Client).Do"}},
		{inScheduler, []string{"runtime.futex", "runtime.findRunnable", "runtime.schedule", "runtime.mcall"}},
		{inScheduler, nil},
	} {
		var s profile.Sample
		for _, f := range c.stack {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: f}}}})
		}
		if got := partOf(&s); got != c.want {
			t.Errorf("%v is of part %q, want %q", c.stack, got, c.want)
		}
	}
}

func TestSharesOfAProfileAddUp(t *testing.T) {
	t.Parallel()
	before := serverTime([]int{os.Getpid()})
	stop, err := startProfile()
	if err != nil {
		t.Fatal(err)
	}
	for serverTime([]int{os.Getpid()})-before < 5*tick {
	}
	s, err := stop()
	if err != nil {
		t.Fatal(err)
	}
	var all float64
	for _, share := range s {
		all += share
	}
	if all < 0.99 || all > 1.01 {
		t.Fatalf("the shares %v add up to %v, want 1", s, all)
	}
}

func TestGoalLimitsTheTimeOfSignalcast(t *testing.T) {
	t.Parallel()
	line := func(name string, ns, server float64, parts shares) result {
		s := sample{ns: ns, server: server}
		for _, share := range parts {
			s.cpu += share
		}
		for i := range parts {
			parts[i] /= s.cpu
		}
		s.parts = parts
		return result{name: name, samples: []sample{s}}
	}
	results := map[string][]result{"c": {
		line("ours", 100, 60, shares{inSignalcast: 40, inLibraries: 30, inCollector: 20}), // 150 in all
		line("peer", 60, 50, shares{inBench: 10, inLibraries: 30, inCollector: 10}),       // 100 in all
	}}
	for _, c := range []struct {
		goal goal
		most float64
	}{
		{faster("", "c", "ours", "peer", 0.8, ""), 25},           // 100/0.8 - (150-50)
		{faster("", "c", "ours", "peer", 2, ""), -50},            // 100/2 - (150-50)
		{costs("", "c", "ours", "peer", byProcessor, 1, ""), 10}, // 50 - (90-50)
	} {
		own, most, hand, found := c.goal.own(results)
		if !found || math.Abs(own-50) > 1e-9 || math.Abs(most-c.most) > 1e-9 || math.Abs(hand-10) > 1e-9 {
			t.Errorf("own is %v, of at most %v, by hand %v (%v), want 50, %v and 10", own, most, hand, found, c.most)
		}
	}
}
