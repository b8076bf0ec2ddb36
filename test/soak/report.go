package soak

import (
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"strings"
	"text/template"
	"time"
)

//go:embed soak.md.tmpl
var pageText string

// Result is what a run found.
type Result struct {
	// Commit is the commit that the services were built from, and Versions names the servers and the machine.
	Commit, Versions string
	// Note says what else a reader should know about the run. It may be empty.
	Note string
	Date time.Time
	// Lasted is the time from the start of the services to their end.
	Lasted time.Duration
	Counts Counts
	Faults []Fault
	// Reloads and Switches count what all services did. A switch off and on again counts once.
	Reloads, Switches int64
	Samples           []Sample
	Marks             []Mark
	Problems          []string
}

// Fault is a kind of fault.
type Fault struct {
	Name string
	// Count is the number of faults, and Repeats that of events that were handled again because of them.
	Count, Repeats int
	// Longest is the longest time from the end of such a fault until each bus had handled events that were sent after it.
	Longest time.Duration
}

// longRun is the length from which on the trends of a run are meaningful.
const longRun = 10 * time.Minute

// shownProblems is the number of problems that the page lists.
const shownProblems = 3

// Trends returns the trends of the samples, or nil for a short run.
func (r *Result) Trends() []Trend {
	if r.Lasted < longRun {
		return nil
	}
	return Trends(r.Samples)
}

// Failures returns what did not hold.
func (r *Result) Failures() []string {
	failures := r.Problems
	for _, t := range r.Trends() {
		if !t.Flat() {
			failures = append(failures, fmt.Sprintf("%s: found %d in the last quarter, %d in the second; want at most %d", t.Name, t.Last, t.Second, t.Limit))
		}
	}
	return failures
}

// Page returns the page in Markdown. graph is the name of the file of the graph.
func (r *Result) Page(graph string) ([]byte, error) {
	functions := template.FuncMap{"count": count, "seconds": seconds, "withUnit": withUnit}
	parsed, err := template.New("").Funcs(functions).Parse(pageText)
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	faults := 0
	for _, f := range r.Faults {
		faults += f.Count
	}
	problems := r.Problems[:min(len(r.Problems), shownProblems)]
	var page bytes.Buffer
	err = parsed.Execute(&page, map[string]any{
		"Run": r, "Problems": problems, "Omitted": len(r.Problems) - len(problems), "Faults": faults, "Graph": graph, "Minutes": int(math.Round(r.Lasted.Minutes())),
		"Rate": float64(r.Counts.Sent) / r.Lasted.Seconds(), "Slack": slack, "Redelivery": redelivery, "Overdue": overdue.Minutes(),
		"NoFate": r.Counts.Sent - r.Counts.Acknowledged - r.Counts.NotWritten - r.Counts.Unknown - r.Counts.Off - r.Counts.Uncertain,
	})
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	return page.Bytes(), nil
}

// count returns a number with commas between thousands.
func count(n any) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

// withUnit returns a value of a trend, with bytes as MiB.
func withUnit(name string, n int64) string {
	if strings.Contains(name, "heap") || strings.Contains(name, "memory") {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return count(n)
}
