package postgres

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// simulation is a database with writers that begin, get sequences, and end at random, and a reader. Time passes between
// all steps of the reader.
type simulation struct {
	rng     *rand.Rand
	last    int64
	open    []*simulated // transactions
	begun   int
	quiet   bool          // no transaction goes on
	rows    map[int64]int // visible and not deleted: the lane
	commits map[int64]int // of every row that was ever visible
	order   [4][]int64    // by lane, the order of commits

	gaps     gaps
	returned map[int64]bool
	read     [4][]int64 // by lane
	most     int        // gaps
}

type simulated struct {
	name      string
	lane      int
	sequences []int64
	ended     bool // visible or rolled back; the lock is still held
}

func (s *simulation) holds(lane int) bool {
	return slices.ContainsFunc(s.open, func(w *simulated) bool { return w.lane == lane })
}

// pass lets writers take some steps.
func (s *simulation) pass() {
	if s.quiet {
		return
	}
	for range s.rng.IntN(6) {
		if lane := s.rng.IntN(len(s.order)); len(s.open) < 3 && !s.holds(lane) {
			s.begun++
			s.open = append(s.open, &simulated{name: fmt.Sprintf("3/%d", s.begun), lane: lane})
		}
		if len(s.open) == 0 {
			continue
		}
		i := s.rng.IntN(len(s.open))
		w := s.open[i]
		switch {
		case w.ended: // releases its lock
			s.open = slices.Delete(s.open, i, i+1)
		case w.sequences == nil:
			for range 1 + s.rng.IntN(3) {
				s.last++
				w.sequences = append(w.sequences, s.last)
			}
		case s.rng.IntN(3) == 0: // rolls back
			w.ended = true
		case s.rng.IntN(2) == 0: // commits
			w.ended = true
			for _, n := range w.sequences {
				s.rows[n], s.commits[n] = w.lane, w.lane
				s.order[w.lane] = append(s.order[w.lane], n)
			}
		}
	}
}

// fetch reads as reader.Fetch does.
func (s *simulation) fetch(t *testing.T, limit int) int {
	lo, hi := s.gaps.ranges()
	var found []int64
	for n := range s.rows {
		for i := range lo {
			if lo[i] <= n && n <= hi[i] {
				found = append(found, n)
			}
		}
	}
	slices.Sort(found)
	found = found[:min(len(found), limit)]
	listing := s.gaps.waiting()
	s.pass()
	given := s.last
	s.pass()
	var writers []string
	for _, w := range s.open {
		writers = append(writers, w.name)
	}
	s.pass()
	s.gaps.fetched(found, len(found) < limit)
	if len(found) < limit && s.rng.IntN(4) == 0 {
		s.gaps.given(given)
		listing = false // given must not be younger than the list
	}
	if listing {
		s.gaps.listed(writers)
	}
	for _, n := range found {
		require.False(t, s.returned[n], "sequence %d is returned twice", n)
		s.returned[n] = true
		s.read[s.rows[n]] = append(s.read[s.rows[n]], n)
	}
	s.most = max(s.most, len(s.gaps.list))
	return len(found)
}

// delete deletes returned rows and merges gaps.
func (s *simulation) delete() {
	for n := range s.rows {
		if s.returned[n] && s.rng.IntN(2) == 0 {
			delete(s.rows, n)
		}
	}
	lo, hi := s.gaps.between()
	var remaining []int
	for i := range lo {
		for n := range s.rows {
			if lo[i] <= n && n <= hi[i] {
				remaining = append(remaining, i)
				break
			}
		}
	}
	s.gaps.merge(remaining)
}

func TestGapsLoseNoRowAndKeepTheOrderOfLanes(t *testing.T) {
	t.Parallel()
	gaps := 0
	for seed := range uint64(2000) {
		s := &simulation{rng: rand.New(rand.NewPCG(seed, 1)), rows: map[int64]int{}, commits: map[int64]int{}, returned: map[int64]bool{}}
		for range 60 {
			s.pass()
			s.fetch(t, 1+s.rng.IntN(6))
			if s.rng.IntN(3) == 0 {
				s.delete()
			}
		}
		s.quiet, s.open = true, nil
		for range 30 {
			for found := 1; found > 0; {
				found = s.fetch(t, 3)
			}
		}
		require.Empty(t, s.gaps.list, "seed %d", seed)
		for n := range s.commits {
			require.True(t, s.returned[n], "seed %d: sequence %d is lost", seed, n)
		}
		require.Equal(t, s.order, s.read, "seed %d", seed)
		gaps = max(gaps, s.most)
	}
	require.Greater(t, gaps, 5, "the simulation has gaps")
}

func TestGapStaysOpenWhileAWriterOfTheFirstListIsOpen(t *testing.T) {
	t.Parallel()
	var g gaps
	g.fetched([]int64{5}, true)
	require.Equal(t, []gap{{1, 4, false}}, g.list)
	g.listed([]string{"3/1", "3/2"})
	g.fetched(nil, true)
	g.listed([]string{"3/2", "3/3"})
	g.fetched([]int64{2}, true)
	require.Equal(t, []gap{{1, 1, true}, {3, 4, true}}, g.list)
	g.listed([]string{"3/3"})
	require.False(t, g.waiting())
	require.NotEmpty(t, g.list, "a later Fetch is needed")
	g.fetched([]int64{4}, false)
	require.Empty(t, g.list, "the range up to the last row was read")
}

func TestPartOfAGapThatWasNotReadStaysOpen(t *testing.T) {
	t.Parallel()
	g := gaps{cursor: 20, list: []gap{{1, 4, true}, {8, 12, true}, {15, 16, true}}, writers: map[string]bool{}, cleared: true}
	g.fetched([]int64{9}, false)
	require.Equal(t, []gap{{10, 12, true}, {15, 16, true}}, g.list)
	g.fetched(nil, true)
	require.Empty(t, g.list)
	require.Equal(t, gaps{cursor: 20}, gaps{cursor: g.cursor, writers: g.writers, cleared: g.cleared})
}

func TestPreparedTransactionKeepsGapsOpen(t *testing.T) {
	t.Parallel()
	var g gaps
	g.fetched([]int64{5}, true)
	g.listed([]string{"3/1"})
	g.listed([]string{"-1/77"}) // after a restart
	require.True(t, g.waiting())
	g.listed(nil)
	require.False(t, g.waiting())
}

func TestGapsAreMergedUnlessARowIsLeftInBetween(t *testing.T) {
	t.Parallel()
	g := gaps{cursor: 9, list: []gap{{1, 1, true}, {3, 3, false}, {5, 5, true}, {7, 7, true}}, writers: map[string]bool{"3/1": true}}
	lo, hi := g.between()
	require.Equal(t, []int64{2, 4, 6}, lo)
	require.Equal(t, []int64{2, 4, 6}, hi)
	g.merge([]int{1})
	require.Equal(t, []gap{{1, 3, false}, {5, 7, true}}, g.list)
	g.merge(nil)
	require.Equal(t, []gap{{1, 7, false}}, g.list)
	require.Nil(t, g.writers)
}

func TestReaderWithTooManyGapsReadsGapsOnly(t *testing.T) {
	t.Parallel()
	var g gaps
	even := make([]int64, maxGaps)
	for i := range even {
		even[i] = 2*int64(i) + 2
	}
	g.fetched(even, true)
	_, hi := g.ranges()
	require.Equal(t, int64(2*maxGaps-1), hi[len(hi)-1])
	g.listed(nil)
	g.fetched(nil, true)
	lo, hi := g.ranges()
	require.Equal(t, []int64{2*maxGaps + 1}, lo)
	require.Equal(t, []int64{math.MaxInt64}, hi)
}
