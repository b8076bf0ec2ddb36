package faults_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/test/faults"
)

// The account has six events and two keys: 0, 2 and 4 have one key, 1, 3 and 5 the other.
func TestCompareCounts(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fates  func(*faults.Account)
		stored []int
		want   faults.Counts
	}{
		"the order of different keys is free": {
			stored: []int{1, 3, 0, 5, 2, 4},
			want:   faults.Counts{Delivered: 6, Stored: 6},
		},
		"a delivered event that is not stored is missing": {
			stored: []int{0, 1, 3, 4, 5},
			want:   faults.Counts{Delivered: 6, Stored: 5, Missing: 1, Gaps: 1},
		},
		"consecutive missing events are one gap": {
			stored: []int{0, 3, 5},
			want:   faults.Counts{Delivered: 6, Stored: 3, Missing: 3, Gaps: 2},
		},
		"a second copy is a duplicate and does not break the order": {
			stored: []int{0, 1, 2, 0, 2, 3, 4, 5, 5},
			want:   faults.Counts{Delivered: 6, Stored: 6, Duplicates: 3},
		},
		"an event stored after a later event of its key is out of order": {
			stored: []int{0, 4, 2, 5, 1, 3},
			want:   faults.Counts{Delivered: 6, Stored: 6, OutOfOrder: 3},
		},
		"a stored event that was never sent is counted": {
			stored: []int{0, 1, 2, 3, 4, 5, 6, -1},
			want:   faults.Counts{Delivered: 6, Stored: 6, NotSent: 2},
		},
		"an event of unknown fate may be stored": {
			fates: func(a *faults.Account) {
				a.Failed(0, signalcast.FateNotWritten)
				a.Failed(1, signalcast.FateUnknown)
				a.Failed(2, signalcast.FateUnknown)
			},
			stored: []int{1},
			want:   faults.Counts{NotWritten: 1, Unknown: 2, NoFate: 3, Stored: 1},
		},
		"a stored event that was reported as not written is untrue": {
			fates:  func(a *faults.Account) { a.Failed(0, signalcast.FateNotWritten) },
			stored: []int{0},
			want:   faults.Counts{NotWritten: 1, NoFate: 5, Stored: 1, Untrue: 1},
		},
		"a second fate is counted": {
			fates: func(a *faults.Account) {
				a.Delivered(0)
				a.Delivered(0)
			},
			stored: []int{0},
			want:   faults.Counts{Delivered: 1, NoFate: 5, Repeated: 1, Stored: 1},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const events = 6
			a := faults.NewAccount(events, 2)
			if test.fates == nil {
				test.fates = func(a *faults.Account) {
					for n := range events {
						a.Delivered(n)
					}
				}
			}
			test.fates(a)
			test.want.Events = events
			require.Equal(t, test.want, a.Compare(test.stored))
		})
	}
}

func TestShortenedAccountHasTheFirstEvents(t *testing.T) {
	t.Parallel()
	a := faults.NewAccount(6, 2)
	a.Delivered(0)
	a.Delivered(1)
	a.Shorten(2)
	require.Equal(t, faults.Counts{Events: 2, Delivered: 2, Stored: 2}, a.Compare([]int{0, 1}))
}
