package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// report holds the results of a run.
type report struct {
	rounds   int
	contests []contest
	results  map[string][]result
	profiles map[string][]result // of the rounds that were profiled
	// facts describe the machine and the versions, one per line.
	facts []string
}

// figure returns a number with three significant digits, and large ones in full.
func figure(x float64) string {
	switch {
	case x == 0:
		return "0"
	case math.Abs(x) >= 1000:
		text := fmt.Sprintf("%.0f", x)
		for i := len(text) - 3; i > 0; i -= 3 {
			text = text[:i] + "," + text[i:]
		}
		return text
	case math.Abs(x) >= 100:
		return fmt.Sprintf("%.0f", x)
	case math.Abs(x) >= 10:
		return fmt.Sprintf("%.1f", x)
	default:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", x), "0"), ".")
	}
}

func inMegabytes(s sample) float64 { return s.heap / 1e6 }

// tables returns the goals and the figures of every contest as Markdown.
func (r *report) tables() string {
	var b strings.Builder
	b.WriteString("## Goals\n\n| what | goal | measured | result |\n|---|---|---|---|\n")
	met, rows := 0, 0
	for _, g := range goals() {
		value, ok, found := g.value(r.results)
		if !found {
			continue
		}
		verdict := "met"
		if rows++; ok {
			met++
		} else {
			verdict = strings.TrimSuffix(fmt.Sprintf("**not met**, %s: %s", g.short(value), g.why), ": ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s%s | %s |\n", g.what, g.limit(), figure(value), g.unit, verdict)
	}
	fmt.Fprintf(&b, "\n%d of %d goals are met. Every ratio is the median of the ratios of %d rounds.\n\n## Figures\n", met, rows, r.rounds)
	for _, c := range r.contests {
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n", c.name, c.about)
		results := r.results[c.name]
		if results[0].median(byP99) > 0 {
			b.WriteString(latencies(results))
			continue
		}
		b.WriteString("| | ns/event | events/s | spread | time, of the first | processor ns/event | allocations | bytes | heap, MB |\n" +
			"|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
		for _, line := range results {
			row := make([]string, 9)
			row[0] = line.name
			if ns := line.median(byTime); ns > 0 { // 0: the contest measures only memory
				row[1], row[2], row[3] = figure(ns), figure(1e9/ns), fmt.Sprintf("%.0f %%", line.spread(byTime)*100)
				row[4], row[5] = figure(line.ratio(results[0], byTime)), figure(line.median(byProcessor))
			}
			for i, of := range []metric{byAllocs, byBytes, inMegabytes} {
				if line.median(byBytes)+line.median(byHeap) > 0 { // 0: another process did the work
					row[6+i] = figure(line.median(of))
				}
			}
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
	}
	return b.String()
}

// latencies returns the table of a contest that measures the latency of each event.
func latencies(results []result) string {
	var b strings.Builder
	b.WriteString("| | median, ms | p99, ms | spread of the median |\n|---|---:|---:|---:|\n")
	for _, line := range results {
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f %% |\n", line.name, figure(line.median(byTime)/1e6), figure(line.median(byP99)/1e6), line.spread(byTime)*100)
	}
	return b.String()
}

// write writes docs/benchmarks.md, its chart and docs/profiles.md.
func (r *report) write(root string) error {
	var b strings.Builder
	b.WriteString("# Benchmarks\n\nThis page compares signalcast with other libraries, with code written by hand, and with the reference, the Open edX\n" +
		"event bus in Python. `make bench` writes it. `make bench-quick` prints the same from shorter rounds.\n" +
		"[operations.md](operations.md#what-it-costs) has the cost of health, switches and watching, [admin.md](admin.md#figures) that of the\n" +
		"admin page, and [telemetry.md](telemetry.md) that of OpenTelemetry. [scaling.md](scaling.md) has that of many producers.\n\n" +
		"Each contest is one kind of work that several contenders do:\n\n" +
		"- All contenders send the same event, with the same key and headers, to the same server.\n" +
		"- All replicas acknowledge each event, and the server has stored each event once.\n" +
		"- The other libraries get records that code by hand has encoded for this one event type.\n" +
		"- All contenders run once in each round. The client and the server share the machine.\n\n" +
		"## Conditions\n\n")
	for _, fact := range r.facts {
		fmt.Fprintf(&b, "- %s\n", fact)
	}
	b.WriteString("\n![signalcast and its peers](benchmarks.svg)\n\n")
	b.WriteString(r.tables())
	b.WriteString("\n## How to read the figures\n\n" +
		"- All figures are medians over the rounds.\n" +
		"- *spread* is the difference between the slowest and the fastest round, divided by the median.\n" +
		"- *time, of the first* is the ratio to the first line of the table.\n" +
		"- Processor time and allocations are those of the client. They include the measurement of the heap, which is small.\n" +
		"  [profiles.md](profiles.md) divides the processor time, and has that of the servers.\n")
	if err := os.WriteFile(filepath.Join(root, "docs/benchmarks.md"), []byte(b.String()), 0o644); err != nil { //nolint:gosec // documentation
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "docs/profiles.md"), []byte(r.profileTables()), 0o644); err != nil { //nolint:gosec // documentation
		return err
	}
	return os.WriteFile(filepath.Join(root, "docs/benchmarks.svg"), r.chart(), 0o644) //nolint:gosec // documentation
}

// describe returns the facts of a report.
func describe(ctx context.Context, root string, rounds int) []string {
	facts := []string{
		fmt.Sprintf("%s, %d rounds", time.Now().UTC().Format("2006-01-02 15:04 UTC"), rounds),
		fmt.Sprintf("%s, %d processors, %s/%s", cmp.Or(processor(), "unknown processor"), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH),
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		facts = append(facts, "load average at the start "+string(load[:bytes.IndexByte(load, ' ')]))
	}
	git := func(args ...string) string {
		text, _ := output(exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)) //nolint:gosec // fixed arguments
		return text
	}
	commit := git("rev-parse", "--short=12", "HEAD")
	if git("status", "--porcelain", "--untracked-files=no", "--", "*.go", "go.mod") != "" {
		commit += ", with changes"
	}
	facts = append(facts, "commit "+commit, runtime.Version())
	if info, ok := debug.ReadBuildInfo(); ok {
		var peers []string
		for _, name := range []string{
			"github.com/twmb/franz-go", "github.com/segmentio/kafka-go", "github.com/ThreeDotsLabs/watermill-kafka/v3", "github.com/IBM/sarama",
			"github.com/redis/go-redis/v9", "github.com/redis/rueidis", "github.com/ThreeDotsLabs/watermill-redisstream", "github.com/hamba/avro/v2",
			"github.com/twmb/avro", "github.com/ThreeDotsLabs/watermill-sql/v4", "github.com/riverqueue/river",
		} {
			for _, d := range info.Deps {
				if d.Path == name {
					peers = append(peers, strings.TrimPrefix(name, "github.com/")+" "+d.Version)
				}
			}
		}
		facts = append(facts, strings.Join(peers, ", "))
	}
	return facts
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // "" on other systems
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, " \t:"))
		}
	}
	return ""
}
