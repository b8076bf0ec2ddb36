package postgres

import (
	"math"
	"slices"
	"sort"
	"strings"
)

const (
	// manyGaps is the number of gaps from which the reader tries to merge them.
	manyGaps = 256
	// maxGaps is the number of gaps from which the reader stays behind its cursor. A Fetch can add as many gaps as it returns rows.
	maxGaps = 10_000
)

// gaps is what a reader has not seen: the sequences after the cursor, and ranges before it. Each sequence up to the cursor is in a gap, or its
// row was returned, or it will never have a row.
//
// # When a gap is closed
//
// A sequence in a gap belongs to a transaction that is still open, or that was committed after the snapshot of the last Fetch, or that
// was rolled back. In the last case, no row ever comes, and the gap would be read forever. A gap
// may be closed only if no row can come, and the order of the steps matters:
//
//  1. A Fetch with snapshot S0 finds the gap. A row with a larger sequence is visible in S0 (or the last value of the sequence is larger),
//     so each sequence of the gap was given out before.
//  2. Later, the reader lists the transactions that hold a lock of the table's class. A writer has such a lock from before
//     it gets its sequences until after its end is visible. So a writer that got a sequence of the gap is listed, or has ended.
//     Those that begin later cannot get a sequence of the gap.
//  3. The reader lists them again, until none of the first list is left. All writers that could fill the gap have ended, and what they
//     committed is visible to each snapshot from now on.
//  4. A Fetch with a later snapshot S1 reads the gap once more. What it does not find will never exist, and the gap is closed.
//
// Without step 4, a row is lost whose transaction was committed between the last Fetch of the gap and the list that lacks it. If the list of
// step 2 is older than S0, it may lack a writer that began in between and has a sequence of the gap. If step 3 compares with S0 and
// not with the locks, as a comparison of transaction IDs does, it misses that a transaction is visible to no snapshot until a moment after
// its commit record was written.
//
// A writer that only waits for a lock has no sequence yet, unless it holds another lock already, so granted locks suffice. A transaction
// keeps its name in the list when it is prepared for a two-phase commit, but not over a restart of the server, which names prepared transactions
// "-1/…". Each of them counts as one of the first list. Other transactions do not survive a restart. Their names may return,
// which closes gaps later than possible.
//
// There is one list at a time, for the gaps that are watched. Gaps that are found meanwhile wait for the next list. They could not be closed
// earlier: each transaction that is left of the list would be in their list too. So the memory is bounded by that of the gaps and one list.
//
// # Many gaps
//
// Neighbouring gaps are merged if no row is left between them: the rows between were returned, and deleted since, and cannot come again. This bounds
// the gaps by the rows that were returned and not deleted, however many transactions are rolled back while one is open. Beyond maxGaps, the reader
// returns rows of gaps only, until it can close or merge some.
type gaps struct {
	cursor  int64
	list    []gap
	writers map[string]bool // the transactions that watched gaps wait for
	cleared bool            // no transaction is left: the next Fetch closes the watched gaps
}

// gap is a range of sequences.
type gap struct {
	lo, hi  int64
	watched bool
}

// ranges returns the bounds of what a Fetch reads: the gaps, and the sequences after the cursor.
func (g *gaps) ranges() (lo, hi []int64) {
	for _, r := range g.list {
		lo, hi = append(lo, r.lo), append(hi, r.hi)
	}
	if len(g.list) < maxGaps {
		lo, hi = append(lo, g.cursor+1), append(hi, math.MaxInt64)
	}
	return lo, hi
}

// fetched notes what a Fetch of all ranges found: the sequences of its rows, in order. complete says that it found all rows;
// otherwise it found all up to the last one.
func (g *gaps) fetched(sequences []int64, complete bool) {
	examined := int64(math.MaxInt64)
	if !complete {
		examined = sequences[len(sequences)-1]
	}
	var list []gap
	add := func(r gap) {
		if r.lo <= r.hi {
			list = append(list, r)
		}
	}
	// rest adds the part of a gap in which no row was found, unless it is closed.
	rest := func(r gap) {
		if g.cleared && r.watched {
			r.lo = max(r.lo, saturatingNext(examined))
		}
		add(r)
	}
	for _, r := range g.list {
		for len(sequences) > 0 && sequences[0] <= r.hi {
			rest(gap{r.lo, sequences[0] - 1, r.watched})
			r.lo = sequences[0] + 1
			sequences = sequences[1:]
		}
		rest(r)
	}
	for _, n := range sequences {
		add(gap{g.cursor + 1, n - 1, false})
		g.cursor = n
	}
	g.list = list
	if g.cleared && !slices.ContainsFunc(list, func(r gap) bool { return r.watched }) {
		g.writers, g.cleared = nil, false
	}
}

func saturatingNext(n int64) int64 {
	if n == math.MaxInt64 {
		return n
	}
	return n + 1
}

// given notes that all sequences up to last were given out before now, and after the last Fetch began.
func (g *gaps) given(last int64) {
	if last > g.cursor {
		g.list = append(g.list, gap{g.cursor + 1, last, false})
		g.cursor = last
	}
}

// waiting reports whether gaps wait for a list of the open transactions.
func (g *gaps) waiting() bool { return len(g.list) > 0 && !g.cleared }

// listed notes the open writers. The list is younger than the snapshots that found the gaps of g.
func (g *gaps) listed(writers []string) {
	if !g.waiting() {
		return
	}
	if g.writers == nil {
		for i := range g.list {
			g.list[i].watched = true
		}
	}
	left := map[string]bool{}
	for _, w := range writers {
		if g.writers == nil || g.writers[w] || strings.HasPrefix(w, "-1/") {
			left[w] = true
		}
	}
	g.writers, g.cleared = left, len(left) == 0
}

// between returns the ranges between neighbouring gaps: range i is between gap i and gap i+1.
func (g *gaps) between() (lo, hi []int64) {
	for i := range len(g.list) - 1 {
		lo, hi = append(lo, g.list[i].hi+1), append(hi, g.list[i+1].lo-1)
	}
	return lo, hi
}

// merge merges neighbouring gaps, except where a row is left in between: before the gaps with the given indexes, in ascending
// order.
func (g *gaps) merge(remaining []int) {
	var list []gap
	for i, r := range g.list {
		at := sort.SearchInts(remaining, i-1)
		if i == 0 || at < len(remaining) && remaining[at] == i-1 {
			list = append(list, r)
			continue
		}
		last := &list[len(list)-1]
		last.hi = r.hi
		last.watched = last.watched && r.watched
	}
	g.list = list
	if !slices.ContainsFunc(list, func(r gap) bool { return r.watched }) {
		g.writers, g.cleared = nil, false
	}
}
