package soak_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/soak"
)

// line is a line of the journal, some seconds after the start.
type line struct {
	after float64
	text  string
}

// record records lines, and returns what the ledger found at the end.
func record(l *soak.Ledger, lines ...line) (soak.Counts, []string) {
	start := time.Unix(0, 0)
	end := start
	for _, line := range lines {
		end = start.Add(time.Duration(line.after * float64(time.Second)))
		l.Record(end, line.text)
	}
	l.Check(end)
	l.Close(end)
	return l.Counts(), l.Problems()
}

func TestLedgerFindsWhatMustNotOccur(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		lines   []line
		want    soak.Counts
		problem string // the only one; empty means none
	}{
		"handled in order": {
			lines: []line{{0, "S r/k/a 1"}, {0, "A r/k/a 1"}, {0, "S r/k/a 2"}, {1, "H r/k/a 1"}, {1, "H r/k/a 2"}, {2, "A r/k/a 2"}},
			want:  soak.Counts{Sent: 2, Acknowledged: 2, Handled: 2},
		},
		"the order of different keys is free": {
			lines: []line{{0, "S r/k/a 1"}, {0, "S r/k/b 2"}, {1, "H r/k/b 2"}, {1, "H r/k/a 1"}},
			want:  soak.Counts{Sent: 2, Handled: 2},
		},
		"an acknowledged event that is not handled is lost": {
			lines:   []line{{0, "S r/k/a 1"}, {0, "A r/k/a 1"}},
			want:    soak.Counts{Sent: 1, Acknowledged: 1, Lost: 1},
			problem: "r/k/a 1: acknowledged, and not handled",
		},
		"an event of a sender that was killed may be lost": {
			lines: []line{{0, "S r/k/a 1"}, {0, "S r/k/a 2"}, {0, "U r/k/a 2"}},
			want:  soak.Counts{Sent: 2, Unknown: 1},
		},
		"an event that is first handled after a later one is disordered": {
			lines:   []line{{0, "S r/k/a 1"}, {0, "S r/k/a 2"}, {1, "H r/k/a 2"}, {1, "H r/k/a 1"}},
			want:    soak.Counts{Sent: 2, Handled: 2, Disordered: 1},
			problem: "r/k/a 1: first handled after 2",
		},
		"an event that was never sent is unaccounted": {
			lines:   []line{{0, "H r/k/a 1"}},
			want:    soak.Counts{Unaccounted: 1},
			problem: "r/k/a 1: handled, and never sent",
		},
		"an event may be published while its route changes": {
			lines: []line{{0, "S r/k/a 1"}, {0, "? r/k/a 1"}, {1, "H r/k/a 1"}, {1, "S r/k/a 2"}, {1, "? r/k/a 2"}},
			want:  soak.Counts{Sent: 2, Uncertain: 2, Handled: 1},
		},
		"an event of a route that is off is not published": {
			lines: []line{{0, "S r/k/a 1"}, {0, "O r/k/a 1"}},
			want:  soak.Counts{Sent: 1, Off: 1},
		},
		"an event that is published while its route is off is unaccounted": {
			lines:   []line{{0, "S r/k/a 1"}, {0, "O r/k/a 1"}, {1, "H r/k/a 1"}},
			want:    soak.Counts{Sent: 1, Off: 1, Handled: 1, Unaccounted: 1},
			problem: "r/k/a 1: published while its route was off",
		},
		"an event that is handled before it is known that its route was off is unaccounted": {
			lines:   []line{{0, "S r/k/a 1"}, {1, "H r/k/a 1"}, {2, "O r/k/a 1"}},
			want:    soak.Counts{Sent: 1, Off: 1, Handled: 1, Unaccounted: 1},
			problem: "r/k/a 1: published while its route was off",
		},
		"an event that is published and was reported as not written is unaccounted": {
			lines:   []line{{0, "S r/k/a 1"}, {0, "N r/k/a 1"}, {1, "H r/k/a 1"}},
			want:    soak.Counts{Sent: 1, NotWritten: 1, Handled: 1, Unaccounted: 1},
			problem: "r/k/a 1: published, and reported as not written",
		},
		"an event that is repeated without a fault is unaccounted": {
			lines:   []line{{0, "S r/k/a 1"}, {1, "H r/k/a 1"}, {2, "H r/k/a 1"}},
			want:    soak.Counts{Sent: 1, Handled: 1, Repeated: 1, Unaccounted: 1},
			problem: "r/k/a 1: handled again, 1s after the first time, and not in flight during a fault",
		},
		"a second fate is unaccounted": {
			lines:   []line{{0, "S r/k/a 1"}, {0, "U r/k/a 1"}, {0, "A r/k/a 1"}},
			want:    soak.Counts{Sent: 1, Unknown: 1, Unaccounted: 1},
			problem: "r/k/a 1: found the fate A for an event that was not sent, or has a fate",
		},
		"a number that is sent twice is unaccounted": {
			lines:   []line{{0, "S r/k/a 1"}, {0, "S r/k/a 1"}},
			want:    soak.Counts{Sent: 2, Unaccounted: 1},
			problem: "r/k/a 1: sent after 1",
		},
		"a line that is cut short is unaccounted": {
			lines:   []line{{0, "S r/k/a"}},
			want:    soak.Counts{Unaccounted: 1},
			problem: `journal: "S r/k/a": found 2 fields; want 3`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			counts, problems := record(soak.NewLedger(), test.lines...)
			require.Equal(t, test.want, counts)
			if test.problem == "" {
				require.Empty(t, problems)
				return
			}
			require.Len(t, problems, 1)
			require.Contains(t, problems[0], test.problem)
		})
	}
}

// A fault lasts from second 100 to second 105.
func TestLedgerCountsRepeatsOfAFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		first, again float64
		unaccounted  int
	}{
		"handled during the fault":               {102, 103, 0},
		"handled just before, repeated behind":   {91, 134, 0},
		"handled long before":                    {89, 104, 1},
		"repeated long after":                    {102, 136, 1},
		"handled and repeated before":            {98, 99, 1},
		"handled so long before it is forgotten": {1, 300, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := soak.NewLedger()
			ended, repeats := l.Fault(time.Unix(100, 0))
			ended(time.Unix(105, 0))
			counts, _ := record(l, line{0, "S r/k/a 1"}, line{test.first, "H r/k/a 1"}, line{test.again, "H r/k/a 1"})
			require.Equal(t, test.unaccounted, counts.Unaccounted)
			require.Equal(t, 1-test.unaccounted, repeats())
		})
	}
}

func TestLedgerFindsOverdueEvents(t *testing.T) {
	t.Parallel()
	l := soak.NewLedger()
	l.Record(time.Unix(0, 0), "S r/k/a 1")
	l.Record(time.Unix(0, 0), "A r/k/a 1")
	require.Equal(t, 1, l.Check(time.Unix(299, 0)))
	require.Empty(t, l.Problems())
	require.Equal(t, 1, l.Check(time.Unix(301, 0)))
	require.Len(t, l.Problems(), 1)
	l.Record(time.Unix(302, 0), "H r/k/a 1")
	require.Zero(t, l.Check(time.Unix(302, 0)))
	require.Len(t, l.Problems(), 1)
}

func TestLedgerKnowsWhichGroupsHandleNewEvents(t *testing.T) {
	t.Parallel()
	l := soak.NewLedger()
	l.Record(time.Unix(10, 0), "S r/k/a 1")
	l.Record(time.Unix(20, 0), "H r/k/a 1")
	groups := []string{"r/k/"}
	require.True(t, l.HandledSince(time.Unix(9, 0), groups))
	require.False(t, l.HandledSince(time.Unix(11, 0), groups), "the event was sent before")
	require.False(t, l.HandledSince(time.Unix(9, 0), []string{"r/k/", "r/other/"}))
}
