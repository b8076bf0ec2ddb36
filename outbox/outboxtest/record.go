package outboxtest

import (
	"errors"
	"slices"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// recordCases are about Delete and Record.
func recordCases() []Case {
	return []Case{
		{"delete", "Delete deletes the rows that it names, and no others", func(t *trial) {
			rows := t.storeRows(t.numbered(5)...)
			if err := t.Store.Delete(t.context(), []int64{rows[1].Sequence, rows[3].Sequence}); err != nil {
				t.Fatalf("Delete: %v", err)
			}
			t.requireValues("after Delete", t.fetchAll(t.reader(t.Second)), "0", "2", "4")
		}},
		{"delete-unknown", "rows that do not exist are no error for Delete, which deletes the others", func(t *trial) {
			rows := t.storeRows(t.numbered(2)...)
			for _, numbers := range [][]int64{nil, {rows[0].Sequence, 1 << 40}, {rows[0].Sequence}} {
				if err := t.Store.Delete(t.context(), numbers); err != nil {
					t.Fatalf("Delete of %v: %v", numbers, err)
				}
			}
			t.requireValues("after Delete", t.pending(t.Second), "1")
		}},
		{"delete-sequence", "the sequence of a deleted row is never used again", func(t *trial) {
			rows := t.storeRows(t.numbered(2)...)
			if err := t.Store.Delete(t.context(), sequences(rows)); err != nil {
				t.Fatalf("Delete: %v", err)
			}
			if next := t.storeRows(t.message("0", "next")); next[0].Sequence <= rows[1].Sequence {
				t.Fatalf("the next row has the sequence %d; want more than %d", next[0].Sequence, rows[1].Sequence)
			}
		}},
		{"record", "Record sets the attempts and the error of rows, and they are still fetched", func(t *trial) {
			rows := t.storeRows(t.numbered(3)...)
			l := t.acquire(t.Second, "relay", time.Hour)
			t.record(l, outbox.Attempt{Sequence: rows[1].Sequence, Attempts: 1, Err: "first"})
			t.record(l, outbox.Attempt{Sequence: rows[1].Sequence, Attempts: 2, Err: "second"})
			for where, found := range map[string][]outbox.Row{"List": t.pending(t.Second), "Fetch": t.fetchAll(t.reader(t.Second))} {
				t.requireValues(where, found, "0", "1", "2")
				if r := found[1]; r.Attempts != 2 || r.LastError != "second" || !r.ParkedAt.IsZero() {
					t.Fatalf("%s returned %d attempts, the error %q and the time of parking %v; want 2, second, none", where, r.Attempts, r.LastError, r.ParkedAt)
				}
				if r := found[0]; r.Attempts != 0 || r.LastError != "" {
					t.Fatalf("%s returned %d attempts of another row; want none", where, r.Attempts)
				}
			}
		}},
		{"record-park", "Record parks a row: it has a time of parking, its attempts and its error", func(t *trial) {
			rows := t.storeRows(t.numbered(2)...)
			before := t.status().Now
			t.park(rows[1])
			parked := t.list(t.Second, outbox.Filter{})
			t.requireValues("parked rows", parked, "1")
			if r := parked[0]; r.ParkedAt.Before(before) || r.Attempts != 3 || r.LastError != "too large" {
				t.Fatalf("the parked row has %d attempts, the error %q and the time of parking %v; want 3, too large, a time after %v", r.Attempts, r.LastError, r.ParkedAt, before)
			}
		}},
		{"record-lost", "Record without the lease returns ErrLeaseLost and changes nothing", func(t *trial) {
			rows := t.storeRows(t.numbered(1)...)
			first := t.acquire(t.Store, "first", short)
			second := t.take("second", time.Hour)
			t.requireLost("the lease of an earlier holder", first, rows)
			t.requireLost("an older token", outbox.Lease{Holder: "second", Token: first.Token, Until: second.Until}, rows)
			t.requireLost("no lease", outbox.Lease{}, rows)
		}},
		{"record-ended", "Record with a lease that has ended returns ErrLeaseLost and changes nothing", func(t *trial) {
			rows := t.storeRows(t.numbered(1)...)
			l := t.acquire(t.Store, "first", short)
			t.until("the lease ends", func() bool { return t.status().Now.After(l.Until) })
			t.requireLost("a lease that has ended", l, rows)
		}},
		{"record-unknown", "rows that do not exist are no error for Record, which records the others", func(t *trial) {
			rows := t.storeRows(t.numbered(2)...)
			l := t.acquire(t.Store, "relay", time.Hour)
			t.record(l)
			t.record(l, outbox.Attempt{Sequence: 1 << 40, Attempts: 1, Err: "x", Park: true}, outbox.Attempt{Sequence: rows[1].Sequence, Attempts: 1, Err: "y"})
			t.requireValues("parked rows", t.list(t.Store, outbox.Filter{}))
			if r := t.pending(t.Store)[1]; r.Attempts != 1 {
				t.Fatalf("the other row has %d attempts; want 1", r.Attempts)
			}
		}},
	}
}

func (t *trial) record(l outbox.Lease, attempts ...outbox.Attempt) {
	t.Helper()
	if err := t.Store.Record(t.context(), l, attempts); err != nil {
		t.Fatalf("Record: %v", err)
	}
}

func (t *trial) requireLost(what string, l outbox.Lease, rows []outbox.Row) {
	t.Helper()
	var attempts []outbox.Attempt
	for _, r := range rows {
		attempts = append(attempts, outbox.Attempt{Sequence: r.Sequence, Attempts: 9, Err: "lost", Park: true})
	}
	if err := t.Store.Record(t.context(), l, attempts); !errors.Is(err, outbox.ErrLeaseLost) {
		t.Fatalf("Record with %s: %v; want ErrLeaseLost", what, err)
	}
	found := t.pending(t.Second)
	if !slices.Equal(sequences(found), sequences(rows)) || slices.ContainsFunc(found, func(r outbox.Row) bool { return r.Attempts != 0 || r.LastError != "" }) {
		t.Fatalf("Record with %s changed the rows", what)
	}
}
