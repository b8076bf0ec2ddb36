package backendkit

import (
	"container/list"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/signalcast/signalcast"
)

// Buffer bounds the accepted messages of a backend: how many have no outcome yet, and how
// many bytes they occupy. It holds counts, not messages. Callers that wait for room get it in
// the order of their calls. A Buffer is safe for concurrent use.
type Buffer struct {
	maxMessages int
	maxBytes    int64
	failFast    bool

	mu       sync.Mutex
	closed   bool
	messages int
	bytes    int64
	waiting  list.List // of *waiter, in the order of their calls
	// current is the generation of new messages. sealed are the earlier ones that still have
	// messages, oldest first.
	current *generation
	sealed  []*generation
}

// Room is the room of one message in a [Buffer].
type Room struct {
	generation *generation
	size       int64
}

// waiter is a call of Acquire that waits for room.
type waiter struct {
	// room has its generation when answered is closed, or none if the buffer was
	// closed.
	room     Room
	answered chan struct{}
}

// generation is the set of messages that were accepted between two flushes.
type generation struct {
	messages int
	drained  chan struct{}
}

// NewBuffer returns an empty buffer with room for the given number of messages and bytes. If
// failFast is true, Acquire does not wait for room.
func NewBuffer(maxMessages int, maxBytes int64, failFast bool) *Buffer {
	return &Buffer{
		maxMessages: maxMessages, maxBytes: maxBytes, failFast: failFast,
		current: &generation{drained: make(chan struct{})},
	}
}

// Acquire makes room for a message of the given number of bytes. If the buffer is full, it
// blocks until there is room or ctx ends. A message that fits gets room even if ctx has ended. The caller
// releases the room after the outcome of the message was reported.
//
// Acquire returns ErrClosed after Close and ErrTooLarge for a message larger than the buffer. If
// the buffer is full, the error wraps ErrBufferFull, and ctx.Err() if ctx ended first.
func (b *Buffer) Acquire(ctx context.Context, size int64) (Room, error) {
	b.mu.Lock()
	switch {
	case b.closed:
		b.mu.Unlock()
		return Room{}, signalcast.ErrClosed
	case size > b.maxBytes:
		b.mu.Unlock()
		return Room{}, signalcast.ErrTooLarge
	case b.waiting.Len() == 0 && b.fits(size):
		defer b.mu.Unlock()
		return b.add(size), nil
	case b.failFast:
		defer b.mu.Unlock()
		return Room{}, fmt.Errorf("%w (%d messages, %d bytes)", signalcast.ErrBufferFull, b.messages, b.bytes)
	}
	w := &waiter{room: Room{size: size}, answered: make(chan struct{})}
	place := b.waiting.PushBack(w)
	b.mu.Unlock()

	select {
	case <-w.answered:
	case <-ctx.Done():
		if full := b.withdraw(w, place); full != nil {
			full.cause = ctx.Err()
			return Room{}, full
		}
	}
	if w.room.generation == nil {
		return Room{}, signalcast.ErrClosed
	}
	return w.room, nil
}

// Release returns the room of a message.
func (b *Buffer) Release(r Room) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.remove(r)
	b.admit()
}

// ReleaseAll returns the room of several messages at once.
func (b *Buffer) ReleaseAll(rooms iter.Seq[Room]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for r := range rooms {
		b.remove(r)
	}
	b.admit()
}

// Flush blocks until all room that was acquired before the call is released, or ctx
// ends.
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

// Close makes Acquire return ErrClosed from then on. Calls that wait for room return it
// too. Close does not wait.
func (b *Buffer) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for place := b.waiting.Front(); place != nil; place = place.Next() {
		close(waiterAt(place).answered)
	}
	b.waiting.Init()
}

// Usage returns the use of the buffer. It is what the optional method Buffered of a
// [signalcast.Backend] returns.
func (b *Buffer) Usage() signalcast.BufferUsage {
	b.mu.Lock()
	defer b.mu.Unlock()
	return signalcast.BufferUsage{Messages: b.messages, MaxMessages: b.maxMessages, Bytes: b.bytes, MaxBytes: b.maxBytes}
}

// Len returns the number of messages that have room.
func (b *Buffer) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.messages
}

func waiterAt(place *list.Element) *waiter {
	w, _ := place.Value.(*waiter)
	return w
}

// fullError reports that ctx ended before there was room.
type fullError struct {
	messages int
	bytes    int64
	cause    error
}

func (e *fullError) Error() string {
	return fmt.Sprintf("waiting for room in the buffer (%d messages, %d bytes): %v", e.messages, e.bytes, e.cause)
}

func (e *fullError) Unwrap() []error { return []error{signalcast.ErrBufferFull, e.cause} }

// withdraw ends the wait of w. It returns nil if w was answered.
func (b *Buffer) withdraw(w *waiter, place *list.Element) *fullError {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.answered:
		return nil
	default:
	}
	b.waiting.Remove(place)
	full := &fullError{messages: b.messages, bytes: b.bytes}
	b.admit() // the next one may be smaller
	return full
}

// The methods below are called with mu held.

func (b *Buffer) fits(size int64) bool {
	return b.messages < b.maxMessages && b.bytes+size <= b.maxBytes
}

func (b *Buffer) add(size int64) Room {
	b.messages++
	b.bytes += size
	b.current.messages++
	return Room{b.current, size}
}

func (b *Buffer) remove(r Room) {
	b.messages--
	b.bytes -= r.size
	g := r.generation
	g.messages--
	if g.messages == 0 && g != b.current {
		close(g.drained)
		b.sealed = slices.DeleteFunc(b.sealed, func(s *generation) bool { return s == g })
	}
}

// admit gives room to waiting calls, in order.
func (b *Buffer) admit() {
	for place := b.waiting.Front(); place != nil; place = b.waiting.Front() {
		w := waiterAt(place)
		if !b.fits(w.room.size) {
			return
		}
		b.waiting.Remove(place)
		w.room = b.add(w.room.size)
		close(w.answered)
	}
}
