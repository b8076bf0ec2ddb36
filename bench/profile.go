package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// part is a kind of code that takes processor time.
type part int

// The parts of the processor time of a contender. Memory that code allocates belongs to that code.
const (
	inSignalcast part = iota
	inLibraries       // other modules
	inBench           // the contender itself, such as code by hand
	inCollector       // the garbage collector
	inScheduler       // goroutines that begin, wait and end
	inKernel          // system calls: the network
	parts
)

func (p part) String() string {
	return [...]string{"signalcast", "libraries", "by hand", "garbage collector", "scheduler", "kernel"}[p]
}

// shares are the parts of processor time, which add up to 1.
type shares [parts]float64

// profiling says whether contenders are profiled.
//
//nolint:gochecknoglobals // contests run one after the other
var profiling bool

// startProfile begins to sample where processor time is spent. The function that it returns ends that and returns the shares.
func startProfile() (stop func() (shares, error), err error) {
	var b bytes.Buffer
	if err := pprof.StartCPUProfile(&b); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return func() (shares, error) {
		pprof.StopCPUProfile()
		return sharesOf(b.Bytes())
	}, nil
}

func sharesOf(data []byte) (shares, error) {
	p, err := profile.ParseData(data)
	if err != nil {
		return shares{}, fmt.Errorf("profile: %w", err)
	}
	var s shares
	var all float64
	for _, sample := range p.Sample {
		n := float64(sample.Value[0])
		s[partOf(sample)] += n
		all += n
	}
	for i := range s {
		s[i] /= max(1, all)
	}
	return s, nil
}

// partOf returns the part that a sample belongs to. Its stack begins with the innermost function.
func partOf(s *profile.Sample) part {
	var functions []string
	for _, l := range s.Location {
		for _, line := range l.Line {
			functions = append(functions, line.Function.Name)
		}
	}
	if slices.ContainsFunc(functions, isCollector) {
		return inCollector
	}
	if len(functions) > 0 && (strings.HasPrefix(functions[0], "internal/runtime/syscall") || strings.HasPrefix(functions[0], "syscall.")) {
		return inKernel
	}
	for _, f := range functions {
		switch {
		case strings.HasPrefix(f, "github.com/signalcast/signalcast"):
			return inSignalcast
		case strings.HasPrefix(f, "main."):
			return inBench
		case strings.Contains(strings.SplitN(f, "/", 2)[0], "."): // a host name: not the standard library
			if strings.Contains(f, "/") {
				return inLibraries
			}
		}
	}
	return inScheduler
}

// isCollector reports whether a function of the runtime marks or sweeps memory.
func isCollector(f string) bool {
	for _, prefix := range []string{"runtime.gc", "runtime.bgsweep", "runtime.bgscavenge", "runtime.wbBuf", "gcWriteBarrier"} {
		if strings.HasPrefix(f, prefix) {
			return true
		}
	}
	return false
}

// serverProcesses are the IDs of the servers that run.
//
//nolint:gochecknoglobals // set once, before the contests
var serverProcesses []int

// processes returns the IDs of the servers that run.
func (s *servers) processes(ctx context.Context) (ids []int, err error) {
	for _, name := range s.started {
		text, err := s.script(ctx, name, "pid")
		if err != nil {
			return nil, err
		}
		id, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%s: found no process ID: %w", name, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// tick is the unit in which Linux reports the processor time of a process.
const tick = 10 * time.Millisecond

// serverTime returns the processor time of processes and of their children until now. A child that has ended counts for its parent.
func serverTime(ids []int) time.Duration {
	var ticks int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is valid
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the process has ended
		}
		// The name of the program, in parentheses, may hold spaces.
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		const parent, user, childrenUser = 1, 11, 13 // places after the name; each is followed by the time in the kernel
		if up, _ := strconv.Atoi(fields[parent]); !slices.Contains(ids, id) && !slices.Contains(ids, up) {
			continue
		}
		for _, at := range []int{user, user + 1} {
			n, _ := strconv.Atoi(fields[at])
			ticks += n
		}
		if slices.Contains(ids, id) {
			for _, at := range []int{childrenUser, childrenUser + 1} {
				n, _ := strconv.Atoi(fields[at])
				ticks += n
			}
		}
	}
	return time.Duration(ticks) * tick
}

// within returns the metric of the processor time that a part takes.
func within(p part) metric { return func(s sample) float64 { return s.parts[p] * s.cpu } }

// byTotal is the processor time of the client and of the servers.
func byTotal(s sample) float64 { return s.cpu + s.server }

// own returns the processor time that the code of signalcast takes in a contender of a goal, and what it makes the garbage collector do beyond
// its work for the other contender. most is how much of it the goal allows, if processors are what the contenders wait for; it is negative if
// the rest takes too long already. hand is the time of the code by hand of the other contender. found is false for goals that are not ratios.
func (g goal) own(results map[string][]result) (own, most, hand float64, found bool) {
	contender, ok := find(results[g.contest], g.contender)
	against, found := find(results[g.contest], g.against)
	if !ok || !found || against.median(within(inLibraries))+against.median(within(inBench)) == 0 {
		return 0, 0, 0, false
	}
	own = contender.median(within(inSignalcast)) - contender.median(within(inBench)) +
		max(0, contender.median(within(inCollector))-against.median(within(inCollector)))
	hand = against.median(within(inBench)) + against.median(within(inSignalcast))
	if g.faster {
		return own, against.median(byTotal)/g.atLeast - (contender.median(byTotal) - own), hand, true
	}
	return own, against.median(byProcessor)*g.atMost - (contender.median(byProcessor) - own), hand, true
}

// title returns g.what, with the contest instead of the dots.
func (g goal) title() string {
	rest, short := strings.CutPrefix(g.what, "… ")
	switch {
	case !short:
		return g.what
	case strings.HasSuffix(g.contest, rest):
		return g.contest
	case !strings.Contains(rest, "against"):
		return g.contest + ": " + rest + ", against " + g.against
	default:
		return g.contest + ": " + rest
	}
}

// profileTables returns docs/profiles.md.
func (r *report) profileTables() string {
	var b strings.Builder
	b.WriteString("# Where processor time goes\n\nThe client and the servers share the machine, so a contest is a contest for processor time. This page shows\n" +
		"where it goes, in rounds of their own, so figures differ from those of [benchmarks.md](benchmarks.md). `make bench` writes both. A sampling profiler divides the time of\n" +
		"the client. The time of the servers is that of their processes.\n\n" +
		"## Goals that are not met\n\nWould better code reach the goal? *Measured* is the figure of benchmarks.md. *Now* is the processor time of the code of\n" +
		"signalcast for an event, plus the garbage collection that it causes beyond that of the other contender. *Allowed* is how much\n" +
		"the goal leaves for it. It is negative if client library, kernel and servers alone take too long. *By hand* is what the other contender takes instead: code for one event type, without buffer, outcomes and\n" +
		"retries. All are nanoseconds. The contender *franz-go, decoding* decodes events, as signalcast does; *franz-go* does not.\n\n" +
		"| what | goal | measured | now | allowed | by hand | so the goal |\n|---|---|---:|---:|---:|---:|---|\n")
	for _, g := range goals() {
		value, met, found := g.value(r.results)
		own, most, hand, ok := g.own(r.profiles)
		if !found || met || !ok {
			continue
		}
		if own <= 0 {
			continue // both contenders are signalcast
		}
		verdict := fmt.Sprintf("needs %.0f %% less", (1-most/own)*100)
		switch {
		case most < 0:
			verdict = "is out of reach: the rest takes too long"
		case most > own:
			verdict = "would be met if processor time alone counted: the rest is noise or waiting"
		case most < hand:
			verdict += "; code by hand takes more than is allowed, too"
		}
		fmt.Fprintf(&b, "| %s | %s | %s%s | %s | %s | %s | %s |\n", g.title(),
			g.limit(), figure(value), g.unit, figure(own), figure(most), figure(hand), verdict)
	}
	b.WriteString("\n## Contests\n\n*time* is the nanoseconds that pass for each event, and *processors* the number of processors in use. All other figures are nanoseconds\n" +
		"of processor time for each event. *client* is the sum of the columns from *signalcast* to *kernel*.\n" +
		"*by hand* is the code of the contender itself.\n")
	for _, c := range r.contests {
		if r.profiles[c.name][0].median(byProcessor) == 0 {
			continue // it measures memory or latency
		}
		fmt.Fprintf(&b, "\n### %s\n\n| | time |", c.name)
		for p := range parts {
			fmt.Fprintf(&b, " %s |", p)
		}
		b.WriteString(" client | servers | processors |\n|---|---:|" + strings.Repeat("---:|", int(parts)+3) + "\n")
		for _, line := range r.profiles[c.name] {
			if line.median(byProcessor) == 0 || line.median(within(inScheduler))+line.median(within(inBench))+line.median(within(inSignalcast)) == 0 {
				continue // another process did the work
			}
			fmt.Fprintf(&b, "| %s | %s |", line.name, figure(line.median(byTime)))
			for p := range parts {
				fmt.Fprintf(&b, " %s |", figure(line.median(within(p))))
			}
			fmt.Fprintf(&b, " %s | %s | %s |\n", figure(line.median(byProcessor)), figure(line.median(byServer)), figure(line.median(byTotal)/line.median(byTime)))
		}
	}
	return b.String()
}

func byServer(s sample) float64 { return s.server }
