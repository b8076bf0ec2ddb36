package kafkabus

import (
	"context"
	"slices"
	"sync"

	"github.com/signalcast/signalcast"
)

// buffer counts the messages that were taken and whose outcome has not been
// reported, and keeps them within bounds. Who waits for room gets it in the
// order of asking.
type buffer struct {
	maxMessages int
	maxBytes    int64
	failFast    bool

	mu       sync.Mutex
	closed   bool
	messages int
	bytes    int64
	waiting  []*waiter
	// current is the generation of new messages; sealed are the earlier ones
	// that still have messages, oldest first.
	current *generation
	sealed  []*generation
}

// waiter is one call that waits for room.
type waiter struct {
	size int64
	// generation is set before answered is closed, and stays nil when the
	// buffer was closed instead.
	generation *generation
	answered   chan struct{}
}

// generation is the set of messages taken between two flushes.
type generation struct {
	messages int
	drained  chan struct{}
}

func newBuffer(maxMessages int, maxBytes int64, failFast bool) *buffer {
	return &buffer{
		maxMessages: maxMessages, maxBytes: maxBytes, failFast: failFast,
		current: &generation{drained: make(chan struct{})},
	}
}

// take makes room for a message of the given size, or waits for it. What it
// returns is given back together with the room.
func (b *buffer) take(ctx context.Context, size int64) (*generation, error) {
	b.mu.Lock()
	switch {
	case b.closed:
		b.mu.Unlock()
		return nil, signalcast.ErrClosed
	case size > b.maxBytes:
		b.mu.Unlock()
		return nil, signalcast.ErrTooLarge
	case len(b.waiting) == 0 && b.fits(size):
		defer b.mu.Unlock()
		return b.add(size), nil
	case b.failFast:
		b.mu.Unlock()
		return nil, signalcast.ErrBufferFull
	}
	w := &waiter{size: size, answered: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()

	select {
	case <-w.answered:
	case <-ctx.Done():
		if b.withdraw(w) {
			return nil, ctx.Err() //nolint:wrapcheck // the caller's own error
		}
	}
	if w.generation == nil {
		return nil, signalcast.ErrClosed
	}
	return w.generation, nil
}

// give returns the room of a message whose outcome has been reported.
func (b *buffer) give(g *generation, size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages--
	b.bytes -= size
	g.messages--
	if g.messages == 0 && g != b.current {
		close(g.drained)
		b.sealed = slices.DeleteFunc(b.sealed, func(s *generation) bool { return s == g })
	}
	b.grant()
}

// flush waits until every message taken before the call was given back.
func (b *buffer) flush(ctx context.Context) error {
	b.mu.Lock()
	if b.current.messages > 0 {
		b.sealed = append(b.sealed, b.current)
		b.current = &generation{drained: make(chan struct{})}
	}
	before := slices.Clone(b.sealed)
	b.mu.Unlock()
	for _, g := range before {
		select {
		case <-g.drained:
			continue
		default:
		}
		select {
		case <-g.drained:
		case <-ctx.Done():
			return ctx.Err() //nolint:wrapcheck // the caller's own error
		}
	}
	return nil
}

// close refuses new messages and those that wait for room.
func (b *buffer) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, w := range b.waiting {
		close(w.answered)
	}
	b.waiting = nil
}

// size returns the number of messages taken and not given back.
func (b *buffer) size() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.messages
}

// The rest is called with mu held.

func (b *buffer) fits(size int64) bool {
	return b.messages < b.maxMessages && b.bytes+size <= b.maxBytes
}

func (b *buffer) add(size int64) *generation {
	b.messages++
	b.bytes += size
	b.current.messages++
	return b.current
}

// grant gives room to those who wait, in order.
func (b *buffer) grant() {
	for len(b.waiting) > 0 && b.fits(b.waiting[0].size) {
		w := b.waiting[0]
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
		w.generation = b.add(w.size)
		close(w.answered)
	}
}

// withdraw takes back a request for room, or reports false if it was answered.
func (b *buffer) withdraw(w *waiter) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.Index(b.waiting, w)
	if i < 0 {
		return false
	}
	b.waiting = slices.Delete(b.waiting, i, i+1)
	b.grant() // the next in line may be smaller
	return true
}
