package outboxtest

import (
	"cmp"
	"context"
	"slices"

	"github.com/signalcast/signalcast/outbox"
)

// fetchCases are about Fetch.
func fetchCases(h Harness) []Case {
	cases := []Case{
		{"fetch-order", "Fetch returns rows in the order of their sequences, which is that of storing", func(t *trial) {
			messages := t.numbered(7)
			for i, m := range messages {
				m.Event.MinorVersion = int64(len(messages) - i)
			}
			t.store(messages[:4]...)
			t.store(messages[4:]...)
			rows := t.fetchAll(t.reader(t.Store))
			t.requireValues("Fetch", rows, "0", "1", "2", "3", "4", "5", "6")
			if !slices.IsSorted(sequences(rows)) {
				t.Fatalf("the sequences %v are not in order", sequences(rows))
			}
		}},
		{"fetch-once", "Fetch does not return a row that an earlier Fetch of the reader returned", func(t *trial) {
			r := t.reader(t.Store)
			t.store(t.numbered(3)...)
			t.requireValues("the first Fetch", t.fetch(r, 10), "0", "1", "2")
			t.requireValues("the second Fetch", t.fetch(r, 10))
			t.store(t.message("0", "3"))
			t.requireValues("Fetch after one more row", t.fetch(r, 10), "3")
		}},
		{"fetch-limit", "Fetch returns at most limit rows, and the next Fetch those that follow", func(t *trial) {
			t.store(t.numbered(5)...)
			r := t.reader(t.Store)
			t.requireValues("the first Fetch", t.fetch(r, 2), "0", "1")
			t.requireValues("the second Fetch", t.fetch(r, 1), "2")
			t.requireValues("the third Fetch", t.fetch(r, 2), "3", "4")
		}},
		{"fetch-parked", "Fetch does not return parked rows", func(t *trial) {
			rows := t.storeRows(t.numbered(4)...)
			t.park(rows[0], rows[2])
			t.requireValues("Fetch", t.fetchAll(t.reader(t.Second)), "1", "3")
		}},
		{"fetch-again", "a new reader returns every row that is not deleted, also those that another reader returned", func(t *trial) {
			t.store(t.numbered(3)...)
			first := t.reader(t.Store)
			t.fetchAll(first)
			first.Close()
			for _, s := range []outbox.Store{t.Store, t.Second} {
				t.requireValues("a new reader", t.fetchAll(t.reader(s)), "0", "1", "2")
			}
		}},
		{"fetch-ended", "a Fetch whose context has ended returns an error, and no row is missing later", func(t *trial) {
			t.store(t.numbered(3)...)
			r := t.reader(t.Store)
			if rows, err := r.Fetch(ended(), 2); err == nil || len(rows) > 0 {
				t.Fatalf("Fetch returned %d rows and the error %v; want an error only", len(rows), err)
			}
			t.requireValues("the next Fetch", t.fetchAll(r), "0", "1", "2")
		}},
	}
	if !h.NoOverlap {
		cases = append(cases, Case{"fetch-late", "a row that is committed after rows with larger sequences is still returned, once", func(t *trial) {
			t.openService()
			r := t.reader(t.Second)
			var rows []outbox.Row
			err := t.Overlap(t.context(),
				func(ctx context.Context) error { return t.send(ctx, item{"late", 1}) },
				func() {
					t.commit(item{"early", 2})
					rows = t.fetchAll(r)
				})
			if err != nil {
				t.Fatalf("Overlap: %v", err)
			}
			t.commit(item{"early", 3})
			found := t.items(append(rows, t.fetchAll(r)...))
			slices.SortFunc(found, func(a, b item) int { return cmp.Compare(a.Number, b.Number) })
			if want := []item{{"late", 1}, {"early", 2}, {"early", 3}}; !slices.Equal(found, want) {
				t.Fatalf("before and after the late commit: found %v; want %v", found, want)
			}
		}})
	}
	return cases
}

// laneCases are about FetchLane.
func laneCases() []Case {
	return []Case{
		{"lane-rows", "FetchLane returns the rows of one topic and lane that follow a sequence, in their order", func(t *trial) {
			messages := t.numbered(15)
			lane := outbox.LaneOf(messages[0])
			elsewhere := t.sameLane("elsewhere", lane)
			rows := t.storeRows(append(messages, elsewhere)...)
			r := t.reader(t.Second)
			t.requireValues("after 0", t.fetchLane(r, lane, 0, 10), "0", "5", "10")
			t.requireValues("after the first", t.fetchLane(r, lane, rows[0].Sequence, 10), "5", "10")
			t.requireValues("after the last", t.fetchLane(r, lane, rows[15].Sequence, 10))
		}},
		{"lane-limit", "FetchLane returns at most limit rows", func(t *trial) {
			messages := t.numbered(15)
			t.store(messages...)
			t.requireValues("FetchLane", t.fetchLane(t.reader(t.Store), outbox.LaneOf(messages[0]), 0, 2), "0", "5")
		}},
		{"lane-parked", "FetchLane does not return parked rows", func(t *trial) {
			messages := t.numbered(15)
			rows := t.storeRows(messages...)
			t.park(rows[5])
			t.requireValues("FetchLane", t.fetchLane(t.reader(t.Store), outbox.LaneOf(messages[0]), 0, 10), "0", "10")
		}},
		{"lane-fetch", "FetchLane does not change what Fetch returns", func(t *trial) {
			messages := t.numbered(7)
			t.store(messages...)
			r := t.reader(t.Store)
			t.requireValues("FetchLane", t.fetchLane(r, outbox.LaneOf(messages[0]), 0, 10), "0", "5")
			rows := t.fetch(r, 3)
			t.requireValues("FetchLane", t.fetchLane(r, outbox.LaneOf(messages[0]), 0, 10), "0", "5")
			t.requireValues("Fetch", append(rows, t.fetchAll(r)...), "0", "1", "2", "3", "4", "5", "6")
		}},
	}
}

func (t *trial) fetchLane(r outbox.Reader, lane int, after int64, limit int) []outbox.Row {
	t.Helper()
	rows, err := r.FetchLane(t.context(), topic, lane, after, limit)
	if err != nil {
		t.Fatalf("FetchLane: %v", err)
	}
	return rows
}
