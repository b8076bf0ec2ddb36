// Package memory is a backend that keeps messages in memory, for tests and
// examples. It records what was published and plays the destination's part:
// slow, stalled, failing, losing acknowledgements, or with a full buffer.
//
//	backend := memory.New()
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend)
//	…
//	for _, m := range backend.Messages() { … }
//
// Without faults a message is stored and acknowledged before Publish returns.
package memory

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// Backend is a [signalcast.Backend] that stores messages in memory.
// All its methods are safe for concurrent use.
type Backend struct {
	maxMessages, maxBytes int
	failFast              bool

	mu      sync.Mutex
	taken   uint64   // messages taken so far
	open    []*entry // messages taken whose done has not returned, oldest first
	queue   []*entry // those of them whose turn has not come
	bytes   int      // keys and values in queue
	timer   *time.Timer
	held    bool
	faults  []Fault
	count   uint64 // messages stored so far
	stored  []*signalcast.Message
	changed chan struct{} // closed at the next change; nil when nobody waits

	closing, givingUp, closed bool // Close has begun, was out of time, has ended
	closeErr                  error
}

var _ signalcast.Backend = (*Backend)(nil)

// entry is a message that was taken and whose outcome is open.
type entry struct {
	number   uint64 // 1 is the first message taken
	message  *signalcast.Message
	done     func(signalcast.Receipt, error)
	fault    Fault
	started  bool // its turn has come, and fault is decided
	ready    bool // fault.Delay is over
	finished bool // done has returned, or panicked
}

// Option is a setting of [New].
type Option func(*Backend)

// WithBuffer bounds the messages taken and not yet settled: their number, and
// the bytes of their keys and values. 0 or less is no bound, the default of both.
// A message larger than all the bytes is rejected with ErrTooLarge.
func WithBuffer(messages, bytes int) Option {
	return func(b *Backend) { b.maxMessages, b.maxBytes = messages, bytes }
}

// FailFast makes Publish answer ErrBufferFull at once when the buffer is full,
// instead of waiting for room.
func FailFast() Option { return func(b *Backend) { b.failFast = true } }

// New returns an empty backend without faults.
func New(opts ...Option) *Backend {
	b := new(Backend)
	for _, opt := range opts {
		opt(b)
	}
	return b
}

// Prepare accepts every route table, with any topic name and codec. After Close, it
// returns [signalcast.ErrClosed].
func (b *Backend) Prepare(context.Context, []signalcast.Route) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return signalcast.ErrClosed
	}
	return nil
}

// Publish takes a copy of m into the buffer, see [signalcast.Backend].
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	size := size(m)
	for {
		switch {
		case b.closing:
			return signalcast.ErrClosed
		case b.maxBytes > 0 && size > b.maxBytes:
			return fmt.Errorf("%w: key and value have %d bytes, the buffer holds %d",
				signalcast.ErrTooLarge, size, b.maxBytes)
		case b.hasRoom(size):
			b.taken++
			e := &entry{number: b.taken, message: clone(m), done: done}
			b.open, b.queue = append(b.open, e), append(b.queue, e)
			b.bytes += size
			b.announce()
			b.serve()
			return nil
		case b.failFast:
			return signalcast.ErrBufferFull
		}
		if err := b.await(ctx); err != nil {
			return fmt.Errorf("waiting for room in the buffer: %w", err)
		}
	}
}

func (b *Backend) hasRoom(size int) bool {
	return (b.maxMessages <= 0 || len(b.queue) < b.maxMessages) &&
		(b.maxBytes <= 0 || b.bytes+size <= b.maxBytes)
}

// serve settles the messages whose turn has come. They are stored in the order
// in which they were taken. It is called with b.mu held, and lets go of it while
// done runs.
func (b *Backend) serve() {
	for len(b.queue) > 0 && b.due(b.queue[0]) {
		e := b.queue[0]
		b.queue[0], b.queue = nil, b.queue[1:]
		b.bytes -= size(e.message)
		receipt, err := b.settle(e)
		b.announce()
		b.report(e, receipt, err)
	}
}

// report calls done without b.mu. A hook may panic, or end its goroutine by a
// failed assertion: that is for the test to tell, and the backend goes on.
func (b *Backend) report(e *entry, receipt signalcast.Receipt, err error) {
	returned := false
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		e.finished = true
		for len(b.open) > 0 && b.open[0].finished {
			b.open[0], b.open = nil, b.open[1:]
		}
		b.announce()
		if !returned {
			b.serve() // in place of the caller's loop
		}
	}()
	e.done(receipt, err)
	returned = true
}

// due says whether e, the oldest message, can be settled now, and sets the
// timer if it is to be settled later.
func (b *Backend) due(e *entry) bool {
	switch {
	case b.givingUp:
		return true
	case b.held:
		return false
	case e.started:
		return e.ready
	}
	e.started, e.fault = true, b.nextFault(e.message.Topic)
	if e.fault.Delay <= 0 {
		return true
	}
	b.timer = time.AfterFunc(e.fault.Delay, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		e.ready = true
		b.serve()
	})
	return false
}

// endDelay makes the oldest message ready now, if its delay has begun.
func (b *Backend) endDelay() {
	if b.timer != nil {
		b.timer.Stop()
	}
	if len(b.queue) > 0 {
		b.queue[0].ready = b.queue[0].started
	}
}

// settle stores the message of e, or fails it as its fault says.
func (b *Backend) settle(e *entry) (signalcast.Receipt, error) {
	switch {
	case b.givingUp:
		return signalcast.Receipt{}, &signalcast.DeliveryError{
			Fate: signalcast.FateNotWritten, Err: signalcast.ErrClosed,
		}
	case e.fault.Err != nil && !e.fault.Stored:
		return signalcast.Receipt{}, &signalcast.DeliveryError{Fate: e.fault.Fate, Err: e.fault.Err}
	}
	b.stored = append(b.stored, e.message)
	b.count++
	if e.fault.Err != nil {
		return signalcast.Receipt{}, &signalcast.DeliveryError{Fate: signalcast.FateUnknown, Err: e.fault.Err}
	}
	return signalcast.Receipt{ID: strconv.FormatUint(b.count, 10)}, nil
}

// Flush waits for the messages taken before the call, see [signalcast.Backend].
func (b *Backend) Flush(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for taken := b.taken; len(b.open) > 0 && b.open[0].number <= taken; {
		if err := b.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close waits for the messages taken, or gives them up when ctx ends, see
// [signalcast.Backend]. What was stored stays readable.
func (b *Backend) Close(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		for !b.closed {
			if err := b.await(ctx); err != nil {
				return fmt.Errorf("waiting for the first Close: %w", err)
			}
		}
		return b.closeErr
	}
	b.closing = true
	b.announce()
	for len(b.open) > 0 {
		if err := b.await(ctx); err != nil {
			b.closeErr = fmt.Errorf("%d messages given up: %w", len(b.open), err)
			b.giveUp()
			break
		}
	}
	b.closed = true
	b.announce()
	return b.closeErr
}

// giveUp settles what is left, and waits until every done has returned.
func (b *Backend) giveUp() {
	b.givingUp = true
	b.endDelay()
	b.serve()
	for len(b.open) > 0 {
		_ = b.await(context.Background()) // only another goroutine's done can be left, which does not block
	}
}

// await lets go of b.mu until something changes, or fails when ctx ends.
func (b *Backend) await(ctx context.Context) error {
	changed := b.nextChange()
	b.mu.Unlock()
	defer b.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // Flush returns it as it is
	}
}

// nextChange returns a channel that announce closes.
func (b *Backend) nextChange() <-chan struct{} {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// announce wakes everyone who waits for a change.
func (b *Backend) announce() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

func size(m *signalcast.Message) int { return len(m.Key) + len(m.Event.Value) }
