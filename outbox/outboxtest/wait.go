package outboxtest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/signalcast/signalcast/outbox"
)

// waitCases are about Wait and Close of a reader.
func waitCases() []Case {
	return []Case{
		{"wait-stored", "Wait returns after Store has committed", func(t *trial) {
			r := t.reader(t.Store)
			t.fetchAll(r)
			returned := t.startWait(t.context(), r)
			t.store(t.message("key", "value"))
			t.requireReturned(returned, "after a commit")
		}},
		{"wait-committed", "Wait returns after a transaction has committed", func(t *trial) {
			t.openService()
			r := t.reader(t.Store)
			t.fetchAll(r)
			returned := t.startWait(t.context(), r)
			t.commit(item{"a", 1})
			t.requireReturned(returned, "after a commit")
		}},
		{"wait-missed", "Wait returns if a row was committed between the start of the last Fetch and the start of Wait", func(t *trial) {
			r := t.reader(t.Store)
			t.fetchAll(r)
			t.store(t.message("key", "value"))
			for range 2 {
				t.requireReturned(t.startWait(t.context(), r), "although no Fetch followed the commit")
			}
		}},
		{"wait-retry", "Wait returns after Retry has given a row a new sequence", func(t *trial) {
			rows := t.storeRows(t.message("key", "value"))
			t.park(rows...)
			r := t.reader(t.Store)
			t.fetchAll(r)
			returned := t.startWait(t.context(), r)
			if _, err := t.Store.Retry(t.context(), outbox.Filter{}); err != nil {
				t.Fatalf("Retry: %v", err)
			}
			t.requireReturned(returned, "after Retry")
		}},
		{"wait-context", "Wait returns when its context ends", func(t *trial) {
			ctx, cancel := context.WithCancel(context.Background())
			r := t.reader(t.Store)
			t.fetchAll(r)
			returned := t.startWait(ctx, r)
			cancel()
			t.requireReturned(returned, "after its context ended")
		}},
		{"wait-close", "Close ends Wait", func(t *trial) {
			r := t.reader(t.Store)
			t.fetchAll(r)
			returned := t.startWait(t.context(), r)
			r.Close()
			t.requireReturned(returned, "after Close")
		}},
	}
}

// startWait calls Wait in a goroutine. It returns when Wait waits for its context, or has returned.
func (t *trial) startWait(ctx context.Context, r outbox.Reader) <-chan struct{} {
	t.Helper()
	waiting := &watched{Context: ctx, asked: make(chan struct{})}
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		r.Wait(waiting)
	}()
	select {
	case <-waiting.asked:
	case <-returned:
	case <-time.After(t.harness.Patience):
		t.Fatalf("Wait neither returned nor called Done of its context within %v", t.harness.Patience)
	}
	return returned
}

// watched is a context that reports the first call of Done.
type watched struct {
	context.Context //nolint:containedctx // it is one

	once  sync.Once
	asked chan struct{}
}

func (w *watched) Done() <-chan struct{} {
	w.once.Do(func() { close(w.asked) })
	return w.Context.Done()
}

var errWaiting = errors.New("it still waits")

// requireReturned requires that a Wait returns before half of the patience: the context of a Wait ends later.
func (t *trial) requireReturned(returned <-chan struct{}, when string) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), t.harness.Patience/2, errWaiting)
	defer cancel()
	select {
	case <-returned:
	case <-ctx.Done():
		t.Fatalf("Wait, %s: %v after %v", when, context.Cause(ctx), t.harness.Patience/2)
	}
}
