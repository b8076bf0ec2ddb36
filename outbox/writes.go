package outbox

import (
	"context"
	"errors"
)

// writes changes rows on a goroutine of its own, so that the relay publishes meanwhile. What comes
// while it works is written together.
type writes struct {
	*Relay

	lease Lease
	work  chan change
	idle  chan struct{} // holds a token after each change

	// Of the goroutine of the term.
	next    change
	working bool
	writing int // rows of the write in progress that it deletes
}

type change struct {
	deleted  []int64
	attempts []Attempt
}

func newWrites(r *Relay, l Lease) *writes {
	return &writes{Relay: r, lease: l, work: make(chan change, 1), idle: make(chan struct{}, 1)}
}

func (w *writes) delete(sequence int64) { w.next.deleted = append(w.next.deleted, sequence) }
func (w *writes) record(a Attempt)      { w.next.attempts = append(w.next.attempts, a) }

// pending reports whether there is something to write, or a write in progress.
func (w *writes) pending() bool {
	return w.working || len(w.next.deleted)+len(w.next.attempts) > 0
}

// undeleted returns the number of rows that were published and wait to be deleted.
func (w *writes) undeleted() int { return w.writing + len(w.next.deleted) }

// written notes the end of a write.
func (w *writes) written() { w.working, w.writing = false, 0 }

// start writes what has come, unless a write is in progress.
func (w *writes) start() {
	if !w.working && w.pending() {
		w.working, w.writing = true, len(w.next.deleted)
		w.work <- w.next
		w.next = change{}
	}
}

func (w *writes) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-w.work:
			w.write(ctx, c)
			w.idle <- struct{}{}
		}
	}
}

// write writes a change, and retries until ctx ends.
func (w *writes) write(ctx context.Context, c change) {
	for failures := 1; ctx.Err() == nil; failures++ {
		err := w.try(ctx, &c)
		if err == nil {
			w.works(writeRows)
			return
		}
		w.report(ctx, writeRows, err)
		w.sleep(ctx, w.backoff(failures))
	}
}

func (w *writes) try(ctx context.Context, c *change) error {
	if len(c.deleted) > 0 {
		if err := w.store.Delete(ctx, c.deleted); err != nil {
			return err
		}
		w.counters.deleted.Add(int64(len(c.deleted)))
		c.deleted = nil
	}
	if len(c.attempts) > 0 {
		err := w.store.Record(ctx, w.lease, c.attempts)
		if err != nil && !errors.Is(err, ErrLeaseLost) {
			return err
		}
	}
	return nil
}
