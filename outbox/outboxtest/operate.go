package outboxtest

import (
	"slices"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// operateCases are about the methods for operators.
func operateCases() []Case {
	return []Case{
		{"status-rows", "Status counts pending, parked and failing rows", func(t *trial) {
			rows := t.storeRows(t.numbered(6)...)
			t.park(rows[0], rows[1])
			l := t.acquire(t.Store, "relay", time.Hour)
			t.record(l, outbox.Attempt{Sequence: rows[3].Sequence, Attempts: 1, Err: "x"})
			if s := t.status(); s.Pending != 4 || s.Parked != 2 || s.Failing != 1 {
				t.Fatalf("found %d pending, %d parked and %d failing rows; want 4, 2 and 1", s.Pending, s.Parked, s.Failing)
			}
		}},
		{"status-failing", "Failing counts a row with a recorded attempt, also if the number of its attempts is 0", func(t *trial) {
			rows := t.storeRows(t.numbered(2)...)
			t.record(t.acquire(t.Store, "relay", time.Hour), outbox.Attempt{Sequence: rows[0].Sequence, Err: "broker is away"})
			if s := t.status(); s.Failing != 1 {
				t.Fatalf("found %d failing rows; want 1", s.Failing)
			}
		}},
		{"status-oldest", "Oldest is when the oldest pending row was stored, and zero without one", func(t *trial) {
			if oldest := t.status().Oldest; !oldest.IsZero() {
				t.Fatalf("without rows, Oldest is %v; want zero", oldest)
			}
			rows := t.storeRows(t.numbered(2)...)
			t.until("the clock of the database goes on", func() bool { return t.status().Now.After(rows[1].StoredAt) })
			t.store(t.message("0", "later"))
			t.park(rows[0])
			if oldest := t.status().Oldest; !oldest.Equal(rows[1].StoredAt) {
				t.Fatalf("Oldest is %v; want %v", oldest, rows[1].StoredAt)
			}
			t.park(t.pending(t.Store)...)
			if oldest := t.status().Oldest; !oldest.IsZero() {
				t.Fatalf("with parked rows only, Oldest is %v; want zero", oldest)
			}
		}},
		{"status-lease", "Status returns the lease, whose holder is empty if it has ended", func(t *trial) {
			if l := t.status().Lease; l.Holder != "" {
				t.Fatalf("without a relay, the holder is %q; want none", l.Holder)
			}
			held := t.acquire(t.Second, "relay", time.Hour)
			if l := t.status().Lease; l.Holder != "relay" || l.Token != held.Token || !l.Until.Equal(held.Until) {
				t.Fatalf("found the lease %+v; want %+v", l, held)
			}
			t.release(held)
			t.acquire(t.Second, "relay", short)
			t.until("the holder of the ended lease is empty", func() bool { return t.status().Lease.Holder == "" })
		}},
		{"list-filter", "List returns the rows that every field of the filter selects, in the order of their sequences", func(t *trial) {
			messages := t.numbered(8)
			messages[2].Topic, messages[3].Topic = "elsewhere", "elsewhere"
			messages[3].Event.EventType, messages[4].Event.EventType = "org.example.other.v1", "org.example.other.v1"
			rows := t.storeRows(messages...)
			t.park(rows[6], rows[7], rows[3])
			all := sequences(rows)
			for _, c := range []struct {
				filter outbox.Filter
				want   []string
			}{
				{outbox.Filter{}, []string{"3", "6", "7"}},
				{outbox.Filter{Pending: true}, []string{"0", "1", "2", "4", "5"}},
				{outbox.Filter{Pending: true, Limit: 2}, []string{"0", "1"}},
				{outbox.Filter{Limit: 1}, []string{"3"}},
				{outbox.Filter{Topic: "elsewhere"}, []string{"3"}},
				{outbox.Filter{Pending: true, EventType: "org.example.other.v1"}, []string{"4"}},
				{outbox.Filter{Topic: topic, EventType: eventType}, []string{"6", "7"}},
				{outbox.Filter{Topic: topic, EventType: eventType, Sequences: []int64{all[7], all[3], all[0]}}, []string{"7"}},
				{outbox.Filter{Pending: true, Sequences: []int64{all[5], all[0], 1 << 40}}, []string{"0", "5"}},
			} {
				if got := values(t.list(t.Second, c.filter)); !slices.Equal(got, c.want) {
					t.Errorf("filter %+v: found %q; want %q", c.filter, got, c.want)
				}
			}
		}},
		{"retry", "Retry gives parked rows a new sequence at the end, no attempts and no error, and returns their number", func(t *trial) {
			r := t.reader(t.Store)
			rows := t.storeRows(t.numbered(4)...)
			t.park(rows[0], rows[1])
			t.fetchAll(r)
			if n, err := t.Store.Retry(t.context(), outbox.Filter{}); err != nil || n != 2 {
				t.Fatalf("Retry returned %d and %v; want 2", n, err)
			}
			retried := t.fetchAll(r)
			t.requireValues("Fetch of a reader that skipped the parked rows", retried, "0", "1")
			for i, row := range retried {
				if row.Sequence <= rows[3].Sequence || row.Attempts != 0 || row.LastError != "" || !row.ParkedAt.IsZero() {
					t.Fatalf("the row of sequence %d became %+v", rows[i].Sequence, row)
				}
				if row.Message.Event.ID != rows[i].Message.Event.ID || row.Lane != rows[i].Lane {
					t.Fatalf("the row of sequence %d has another message or lane", rows[i].Sequence)
				}
			}
			t.requireValues("pending rows", t.pending(t.Second), "2", "3", "0", "1")
		}},
		{"retry-filter", "Retry changes only the rows that the filter selects", func(t *trial) {
			rows := t.storeRows(t.numbered(4)...)
			t.park(rows[0], rows[1], rows[2])
			if n, err := t.Store.Retry(t.context(), outbox.Filter{Sequences: []int64{rows[1].Sequence, rows[3].Sequence}}); err != nil || n != 1 {
				t.Fatalf("Retry returned %d and %v; want 1", n, err)
			}
			t.requireValues("pending rows", t.pending(t.Store), "3", "1")
			t.requireValues("parked rows", t.list(t.Store, outbox.Filter{}), "0", "2")
		}},
		{"retry-pending", "Retry of pending rows is an error, and changes nothing", func(t *trial) {
			rows := t.storeRows(t.numbered(3)...)
			if n, err := t.Store.Retry(t.context(), outbox.Filter{Pending: true}); err == nil {
				t.Fatalf("Retry of pending rows returned %d and no error", n)
			}
			if found := t.pending(t.Store); !slices.Equal(sequences(found), sequences(rows)) {
				t.Fatalf("the sequences %v became %v", sequences(rows), sequences(found))
			}
		}},
		{"drop", "Drop deletes the rows that the filter selects, and returns their number", func(t *trial) {
			rows := t.storeRows(t.numbered(6)...)
			t.park(rows[0], rows[1], rows[2])
			for _, c := range []struct {
				filter outbox.Filter
				want   int
			}{
				{outbox.Filter{Sequences: []int64{rows[1].Sequence, rows[5].Sequence}}, 1},
				{outbox.Filter{Limit: 1}, 1},
				{outbox.Filter{}, 1},
				{outbox.Filter{}, 0},
				{outbox.Filter{Pending: true, Sequences: []int64{rows[4].Sequence}}, 1},
			} {
				if n, err := t.Store.Drop(t.context(), c.filter); err != nil || n != c.want {
					t.Fatalf("Drop with %+v returned %d and %v; want %d", c.filter, n, err, c.want)
				}
			}
			t.requireValues("parked rows", t.list(t.Second, outbox.Filter{}))
			t.requireValues("pending rows", t.pending(t.Second), "3", "5")
		}},
	}
}
