package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// concurrencyCases are about many goroutines at once.
func concurrencyCases() []Case {
	return []Case{
		{"many-goroutines", "all methods may be called at the same time", func(t *trial) {
			l := t.acquire(t.Store, "relay", time.Hour)
			const goroutines, rounds = 4, 10
			ctx := t.context()
			failed := make(chan error, goroutines)
			for range goroutines {
				methods := t.methods(t.reader(t.Store), l)
				go func() {
					var err error
					for range rounds {
						for name, f := range methods {
							if err == nil {
								err = wrap(name, f(ctx))
							}
						}
					}
					failed <- err
				}()
			}
			for range goroutines {
				if err := <-failed; err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"order", "8 concurrent writers with rollbacks: every committed row is fetched once and in the order of commits of its lane, and no other", func(t *trial) {
			t.openService()
			w := &writers{trial: t, keys: 6}
			ctx := t.context()
			done := make(chan error, 8)
			for i := range 8 {
				go func() { done <- w.write(ctx, i) }()
			}
			r := t.reader(t.Second)
			var rows []outbox.Row
			for writing := 8; writing > 0; {
				select {
				case err := <-done:
					if err != nil {
						t.Fatal(err)
					}
					writing--
				default:
					rows = append(rows, t.fetch(r, 50)...)
				}
			}
			w.require(append(rows, t.fetchAll(r)...))
		}},
	}
}

func wrap(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, err)
}

const transactions = 25 // of each writer

// writers send numbered events in concurrent transactions.
type writers struct {
	*trial

	keys  int
	clock atomic.Int64
	// spans are by the number of the event.
	spans [8 * transactions * 3]span
}

// span is when a transaction began and when its commit was known, by the clock of writers.
type span struct {
	began, committed int64
	key              string
}

// write runs transactions with up to three events. A third of them is rolled back.
func (w *writers) write(ctx context.Context, writer int) error {
	random := rand.New(rand.NewPCG(uint64(writer), 1)) //nolint:gosec // a test; not negative
	for n := range transactions {
		first := (writer*transactions + n) * 3
		events := 1 + random.IntN(3)
		rollback := random.IntN(3) == 0
		began := w.clock.Add(1)
		err := w.InTx(ctx, func(ctx context.Context) error {
			for i := first; i < first+events; i++ {
				w.spans[i].key = fmt.Sprint("key", random.IntN(w.keys))
				if err := w.send(ctx, item{w.spans[i].key, int64(i)}); err != nil {
					return err
				}
			}
			if rollback {
				return errRollback
			}
			return nil
		})
		switch {
		case rollback && errors.Is(err, errRollback):
			continue
		case err != nil:
			return fmt.Errorf("InTx: %w", err)
		}
		committed := w.clock.Add(1)
		for i := first; i < first+events; i++ {
			w.spans[i].began, w.spans[i].committed = began, committed
		}
	}
	return nil
}

// require compares the fetched rows with the committed events. A transaction that began after the commit of another
// follows it.
func (w *writers) require(rows []outbox.Row) {
	w.Helper()
	fetched := map[int64]bool{}
	latest := map[string]int64{} // by key, when the latest transaction so far began
	for _, i := range w.items(rows) {
		s := w.spans[i.Number]
		switch {
		case s.committed == 0:
			w.Fatalf("event %d was fetched, and its transaction was rolled back", i.Number)
		case fetched[i.Number]:
			w.Fatalf("event %d was fetched twice", i.Number)
		case s.committed < latest[s.key]:
			w.Fatalf("event %d of %s was fetched after an event of a transaction that began after its commit", i.Number, s.key)
		}
		fetched[i.Number] = true
		latest[s.key] = max(latest[s.key], s.began)
	}
	last := map[int]int64{} // sequence by lane
	for _, r := range rows {
		if r.Sequence <= last[r.Lane] {
			w.Fatalf("row %d was fetched after row %d of the same lane", r.Sequence, last[r.Lane])
		}
		last[r.Lane] = r.Sequence
	}
	for n, s := range w.spans {
		if s.committed > 0 && !fetched[int64(n)] {
			w.Fatalf("event %d was committed and never fetched", n)
		}
	}
}
