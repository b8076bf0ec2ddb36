package signalcast

import (
	"context"
	"fmt"
	"sync"

	"github.com/signalcast/signalcast/internal/closing"
)

// KeepOpen returns a backend that shares b: closing it, as the dispatcher that
// owns it does, waits for the messages it was given and leaves b open. Each
// dispatcher gets a KeepOpen of its own; whoever made b closes it.
//
// When the context of Close ends first, the messages left are reported with
// fate Unknown, though b goes on with them.
func KeepOpen(b Backend) Backend {
	return &keptOpen{Backend: b, open: map[*keptMessage]struct{}{}, drained: make(chan struct{})}
}

type keptOpen struct {
	Backend

	mu      sync.Mutex
	open    map[*keptMessage]struct{} // offered or taken, outcome not reported yet
	closed  bool
	gaveUp  error         // why Close no longer waits
	drained chan struct{} // closed once closed and nothing is open

	closing closing.Once
}

type keptMessage struct {
	done     func(Receipt, error)
	cancel   context.CancelFunc // ends the offering
	taken    bool               // Publish of the shared backend returned nil
	reported bool               // or about to be, by whoever set it
}

var _ Backend = (*keptOpen)(nil)

func (k *keptOpen) Publish(ctx context.Context, m *Message, done func(Receipt, error)) error {
	offering, cancel := context.WithCancel(ctx)
	defer cancel()
	kept := &keptMessage{done: done, cancel: cancel}
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return ErrClosed
	}
	k.open[kept] = struct{}{}
	k.mu.Unlock()
	defer func() {
		if !kept.taken { // refused, or Publish has panicked
			k.remove(kept)
		}
	}()
	err := k.Backend.Publish(offering, m, func(r Receipt, err error) {
		if k.claim(kept) {
			defer k.remove(kept) // a hook may panic
			done(r, err)
		}
	})
	if err == nil {
		k.mu.Lock()
		kept.taken = true
		gaveUp := k.gaveUp
		k.mu.Unlock()
		if gaveUp != nil {
			k.abandon(kept, gaveUp)
		}
		return nil
	}
	if ctx.Err() == nil && offering.Err() != nil {
		return ErrClosed // Close ended the offering
	}
	return err //nolint:wrapcheck // the shared backend's own answer
}

// claim makes its one successful caller the one who reports the outcome.
func (k *keptOpen) claim(kept *keptMessage) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	claimed := !kept.reported
	kept.reported = true
	return claimed
}

func (k *keptOpen) remove(kept *keptMessage) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.open, kept)
	k.settle()
}

// settle is called with mu held after every change of what it looks at.
func (k *keptOpen) settle() {
	if !k.closed || len(k.open) > 0 {
		return
	}
	select {
	case <-k.drained:
	default:
		close(k.drained)
	}
}

func (k *keptOpen) Close(ctx context.Context) error {
	return k.closing.Do(ctx, func() error { return k.drain(ctx) })
}

func (k *keptOpen) Flush(ctx context.Context) error {
	select {
	case <-k.drained:
		return nil // what the shared backend still has was given up, or is another's
	default:
		return k.Backend.Flush(ctx) //nolint:wrapcheck // the shared backend's own answer
	}
}

// drain ends what is being offered and waits for what was taken, or gives it up.
func (k *keptOpen) drain(ctx context.Context) error {
	k.mu.Lock()
	k.closed = true
	for kept := range k.open {
		kept.cancel()
	}
	k.settle()
	k.mu.Unlock()
	select { // what is drained already is not given up
	case <-k.drained:
		return nil
	default:
	}
	select {
	case <-k.drained:
		return nil
	case <-ctx.Done():
		return k.giveUp(ctx.Err())
	}
}

// giveUp reports every message taken that has no outcome. Messages still
// offered are on their way back, since Close has ended the offering.
func (k *keptOpen) giveUp(cause error) error {
	k.mu.Lock()
	k.gaveUp = cause
	var left []*keptMessage
	for kept := range k.open {
		if kept.taken && !kept.reported {
			left = append(left, kept)
		}
	}
	k.mu.Unlock()
	for _, kept := range left {
		k.abandon(kept, cause)
	}
	<-k.drained
	return fmt.Errorf("messages were left without an outcome: %w", cause)
}

// abandon reports a message as unknown, unless its outcome is there after all.
func (k *keptOpen) abandon(kept *keptMessage, cause error) {
	if k.claim(kept) {
		defer k.remove(kept) // a hook may panic
		kept.done(Receipt{}, cause)
	}
}
