package soak_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/soak"
)

// aRun returns the result of a run whose goroutines grow from 100 by growth.
func aRun(growth int) *soak.Result {
	r := &soak.Result{
		Commit: "0123456789", Versions: "Redis 8", Date: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Lasted: time.Hour,
		Counts: soak.Counts{Sent: 1_234_567, Acknowledged: 1_200_000, Off: 34_000}, Faults: []soak.Fault{{Name: "server killed", Count: 3, Repeats: 1000}},
		Marks: []soak.Mark{{At: time.Minute}, {At: 30 * time.Minute, Service: true}},
	}
	for i := range 3600 {
		r.Samples = append(r.Samples, soak.Sample{
			At: time.Duration(i) * time.Second, Heap: 10 << 20, RSS: 50 << 20, Goroutines: int64(100 + growth*i/3600), Files: 50, Handled: int64(300 * i),
		})
	}
	return r
}

func TestPageHasTheResult(t *testing.T) {
	t.Parallel()
	page, err := aRun(0).Page("graph.svg")
	require.NoError(t, err)
	for _, text := range []string{
		"`0123456789`", "2026-01-02 03:04 UTC, 60 minutes", "1,234,567, 343 a second", "(graph.svg)",
		"| without a fate, because their sender was killed | 567 |",
		"| server killed | 3 | 1,000 | 0.0 s |", "| live heap | 10.0 MiB | 10.0 MiB | 12.0 MiB | yes |",
	} {
		require.Contains(t, string(page), text)
	}
	require.NotContains(t, string(page), "What did not hold")
}

func TestPageSaysWhatDidNotHold(t *testing.T) {
	t.Parallel()
	r := aRun(40)
	r.Problems = []string{"r/k/a 1: lost"}
	page, err := r.Page("graph.svg")
	require.NoError(t, err)
	require.Contains(t, string(page), "- r/k/a 1: lost\n")
	require.Contains(t, string(page), "| goroutines | 115 | 135 | 125 | **no** |")
	require.Equal(t, []string{"r/k/a 1: lost", "goroutines: found 135 in the last quarter, 115 in the second; want at most 125"}, r.Failures())
}

func TestPageListsTheFirstProblems(t *testing.T) {
	t.Parallel()
	r := aRun(0)
	for range 12 {
		r.Problems = append(r.Problems, "a problem")
	}
	page, err := r.Page("graph.svg")
	require.NoError(t, err)
	require.Contains(t, string(page), "What did not hold, the first 3 of 12:\n\n- a problem\n")
	require.Equal(t, 3, strings.Count(string(page), "- a problem\n"))
}

func TestShortRunHasNoTrends(t *testing.T) {
	t.Parallel()
	r := aRun(1000)
	r.Lasted = time.Minute
	require.Empty(t, r.Failures())
	page, err := r.Page("graph.svg")
	require.NoError(t, err)
	require.Contains(t, string(page), "too short")
}

func TestChartIsXML(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*soak.Result{"a run": aRun(50), "an empty run": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			decoder := xml.NewDecoder(strings.NewReader(string(soak.Chart(r.Samples, r.Marks))))
			lines := 0
			for {
				token, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
				if element, ok := token.(xml.StartElement); ok && element.Name.Local == "polyline" {
					lines++
				}
			}
			require.Equal(t, 5, lines)
		})
	}
}
