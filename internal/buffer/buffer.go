// Package buffer keeps what a backend holds within bounds: how many messages are
// taken and have no outcome yet, and how many bytes they occupy.
package buffer

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/signalcast/signalcast"
)

// Buffer counts the messages that were taken and whose outcome has not been
// reported. Who waits for room gets it in the order of asking. It is safe for
// concurrent use.
type Buffer struct {
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

// Place is the room of one message.
type Place struct {
	generation *generation
	size       int64
}

// waiter is one call that waits for room.
type waiter struct {
	// place has its generation before answered is closed, and has none when the
	// buffer was closed instead.
	place    Place
	answered chan struct{}
}

// generation is the set of messages taken between two flushes.
type generation struct {
	messages int
	drained  chan struct{}
}

// New returns an empty buffer with room for that many messages and bytes. With
// failFast, nobody waits for room.
func New(maxMessages int, maxBytes int64, failFast bool) *Buffer {
	return &Buffer{
		maxMessages: maxMessages, maxBytes: maxBytes, failFast: failFast,
		current: &generation{drained: make(chan struct{})},
	}
}

// Take makes room for a message of the given size, or waits for it. The place
// is given back when the outcome of the message has been reported. The errors
// are ErrTooLarge, ErrClosed, ErrBufferFull and ctx.Err(), as they are.
func (b *Buffer) Take(ctx context.Context, size int64) (Place, error) {
	b.mu.Lock()
	switch {
	case b.closed:
		b.mu.Unlock()
		return Place{}, signalcast.ErrClosed
	case size > b.maxBytes:
		b.mu.Unlock()
		return Place{}, signalcast.ErrTooLarge
	case len(b.waiting) == 0 && b.fits(size):
		defer b.mu.Unlock()
		return b.add(size), nil
	case b.failFast:
		b.mu.Unlock()
		return Place{}, signalcast.ErrBufferFull
	}
	w := &waiter{place: Place{size: size}, answered: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()

	select {
	case <-w.answered:
	case <-ctx.Done():
		if b.withdraw(w) {
			return Place{}, ctx.Err() //nolint:wrapcheck // the caller's own error
		}
	}
	if w.place.generation == nil {
		return Place{}, signalcast.ErrClosed
	}
	return w.place, nil
}

// Give returns the room of a message whose outcome has been reported.
func (b *Buffer) Give(p Place) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(p)
	b.grant()
}

// GiveAll returns the room of messages whose outcomes have been reported. Who
// waits for room is woken once for all of it.
func (b *Buffer) GiveAll(places iter.Seq[Place]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range places {
		b.remove(p)
	}
	b.grant()
}

// Flush waits until every place taken before the call was given back.
func (b *Buffer) Flush(ctx context.Context) error {
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

// Close refuses new messages and those that wait for room.
func (b *Buffer) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for _, w := range b.waiting {
		close(w.answered)
	}
	b.waiting = nil
}

// Len returns the number of places taken and not given back.
func (b *Buffer) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.messages
}

// The methods below are called with mu held, but for withdraw.

func (b *Buffer) fits(size int64) bool {
	return b.messages < b.maxMessages && b.bytes+size <= b.maxBytes
}

func (b *Buffer) add(size int64) Place {
	b.messages++
	b.bytes += size
	b.current.messages++
	return Place{b.current, size}
}

func (b *Buffer) remove(p Place) {
	b.messages--
	b.bytes -= p.size
	g := p.generation
	g.messages--
	if g.messages == 0 && g != b.current {
		close(g.drained)
		b.sealed = slices.DeleteFunc(b.sealed, func(s *generation) bool { return s == g })
	}
}

// grant gives room to those who wait, in order.
func (b *Buffer) grant() {
	for len(b.waiting) > 0 && b.fits(b.waiting[0].place.size) {
		w := b.waiting[0]
		b.waiting[0] = nil
		b.waiting = b.waiting[1:]
		w.place = b.add(w.place.size)
		close(w.answered)
	}
}

// withdraw takes back a request for room, or reports false if it was answered.
func (b *Buffer) withdraw(w *waiter) bool {
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
