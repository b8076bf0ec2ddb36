package faults_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/test/faults"
)

// Six events of two keys: 0, 2 and 4 are of one, 1, 3 and 5 of the other.
func TestAccount(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fates  func(*faults.Account)
		stored []int
		want   faults.Counts
	}{
		"keys may overtake each other": {
			stored: []int{1, 3, 0, 5, 2, 4},
			want:   faults.Counts{Delivered: 6, Stored: 6},
		},
		"what was acknowledged and is not there is missing": {
			stored: []int{0, 1, 3, 4, 5},
			want:   faults.Counts{Delivered: 6, Stored: 5, Missing: 1, Gaps: 1},
		},
		"missing events that follow each other make one gap": {
			stored: []int{0, 3, 5},
			want:   faults.Counts{Delivered: 6, Stored: 3, Missing: 3, Gaps: 2},
		},
		"what is there again is a duplicate and does not break the order": {
			stored: []int{0, 1, 2, 0, 2, 3, 4, 5, 5},
			want:   faults.Counts{Delivered: 6, Stored: 6, Duplicates: 3},
		},
		"what is first there behind a later event of its key is out of order": {
			stored: []int{0, 4, 2, 5, 1, 3},
			want:   faults.Counts{Delivered: 6, Stored: 6, OutOfOrder: 3},
		},
		"what nobody sent is a stranger": {
			stored: []int{0, 1, 2, 3, 4, 5, 6, -1},
			want:   faults.Counts{Delivered: 6, Stored: 6, Strangers: 2},
		},
		"a failed event need not be there, and an unknown one may be": {
			fates: func(a *faults.Account) {
				a.Failed(0, signalcast.FateNotWritten)
				a.Failed(1, signalcast.FateUnknown)
				a.Failed(2, signalcast.FateUnknown)
			},
			stored: []int{1},
			want:   faults.Counts{NotWritten: 1, Unknown: 2, Fateless: 3, Stored: 1},
		},
		"not written is untrue of what is there": {
			fates:  func(a *faults.Account) { a.Failed(0, signalcast.FateNotWritten) },
			stored: []int{0},
			want:   faults.Counts{NotWritten: 1, Fateless: 5, Stored: 1, Untrue: 1},
		},
		"a fate that comes twice is noticed": {
			fates: func(a *faults.Account) {
				a.Delivered(0)
				a.Delivered(0)
			},
			stored: []int{0},
			want:   faults.Counts{Delivered: 1, Fateless: 5, Repeated: 1, Stored: 1},
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
			require.Equal(t, test.want, a.Settle(test.stored))
		})
	}
}
