// Package memory is a backend that keeps messages in memory, for tests and examples. It
// records what was published. It can also play a broker that is slow, hangs, fails,
// loses acknowledgements, or has a full buffer.
//
//	backend := memory.New()
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend)
//	…
//	for _, m := range backend.Messages() { … }
//
// Without faults, a message is stored and acknowledged before Publish returns.
package memory

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// Backend is a [signalcast.Backend] that stores messages in memory. All methods are safe
// for concurrent use.
type Backend struct {
	buffer  *backendkit.Buffer
	closing backendkit.CloseOnce
	closed  atomic.Bool // Close was called

	mu       sync.Mutex
	queue    []*entry // messages without an outcome, oldest first
	timer    *time.Timer
	held     bool
	heldAt   time.Time
	givingUp bool // the context of Close has ended
	faults   []Fault
	count    uint64 // messages stored so far
	stored   []*signalcast.Message
	changed  chan struct{} // closed at the next change; nil if no Wait needs it
}

var _ signalcast.Backend = (*Backend)(nil)

// entry is an accepted message without an outcome.
type entry struct {
	message *signalcast.Message
	done    func(signalcast.Receipt, error)
	room    backendkit.Room
	fault   Fault
	started bool // fault is set
	ready   bool // fault.Delay is over
}

// Option configures a [Backend].
type Option struct{ apply func(*options) }

type options struct {
	messages, bytes int
	failFast        bool
}

// WithBuffer bounds the messages without an outcome: their number, and the bytes of their keys
// and values. 0 or less means no bound, the default of both. A message larger than all
// the bytes is rejected with ErrTooLarge.
func WithBuffer(messages, bytes int) Option {
	return Option{func(o *options) { o.messages, o.bytes = messages, bytes }}
}

// FailFast makes Publish return ErrBufferFull if the buffer is full, instead of waiting for
// room.
func FailFast() Option { return Option{func(o *options) { o.failFast = true }} }

// New returns an empty backend without faults.
func New(opts ...Option) *Backend {
	var o options
	for _, opt := range opts {
		if opt.apply != nil {
			opt.apply(&o)
		}
	}
	if o.messages <= 0 {
		o.messages = math.MaxInt
	}
	if o.bytes <= 0 {
		o.bytes = math.MaxInt
	}
	return &Backend{buffer: backendkit.NewBuffer(o.messages, int64(o.bytes), o.failFast)}
}

// Prepare accepts every route table, with any topic name and codec. After Close, it
// returns [signalcast.ErrClosed].
func (b *Backend) Prepare(context.Context, []signalcast.Route) error {
	if b.closed.Load() {
		return signalcast.ErrClosed
	}
	return nil
}

// Publish accepts a copy of m into the buffer. See [signalcast.Backend].
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	size := len(m.Key) + len(m.Event.Value)
	room, err := b.buffer.Acquire(ctx, int64(size))
	if err != nil {
		return fmt.Errorf("memory: key and value of %d bytes: %w", size, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queue = append(b.queue, &entry{message: clone(m), done: done, room: room})
	b.announce()
	b.serve()
	return nil
}

// serve completes the messages that are due, in the order in which they were accepted. It is
// called with mu held, and releases mu while done runs.
func (b *Backend) serve() {
	for len(b.queue) > 0 && b.due(b.queue[0]) {
		e := b.queue[0]
		b.queue[0], b.queue = nil, b.queue[1:]
		receipt, err := b.store(e)
		b.complete(e, receipt, err)
	}
}

// complete calls done without holding mu. A hook of a test may panic, or end its goroutine
// by a failed assertion. The backend then continues with the next message.
func (b *Backend) complete(e *entry, receipt signalcast.Receipt, err error) {
	returned := false
	b.mu.Unlock()
	defer func() {
		b.buffer.Release(e.room)
		b.mu.Lock()
		b.announce()
		if !returned {
			b.serve() // the loop of the caller has ended
		}
	}()
	e.done(receipt, err)
	returned = true
}

// due reports whether e, the oldest message, is to be completed now. If its delay begins, due
// starts the timer.
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

// endDelay ends the delay of the oldest message, if it has begun.
func (b *Backend) endDelay() {
	if b.timer != nil {
		b.timer.Stop()
	}
	if len(b.queue) > 0 {
		b.queue[0].ready = b.queue[0].started
	}
}

// store stores the message of e, unless its fault prevents it, and returns the outcome.
func (b *Backend) store(e *entry) (signalcast.Receipt, error) {
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

// Flush blocks until the messages that were accepted before the call have outcomes. See
// [signalcast.Backend].
func (b *Backend) Flush(ctx context.Context) error {
	return b.buffer.Flush(ctx)
}

// Close rejects new messages and waits for the outcomes of accepted ones. If ctx ends first,
// the remaining messages fail with ErrClosed. See [signalcast.Backend]. Stored
// messages stay readable.
func (b *Backend) Close(ctx context.Context) error {
	return b.closing.Do(ctx, func() error {
		b.closed.Store(true)
		b.buffer.Close()
		err := b.buffer.Flush(ctx)
		if err == nil {
			return nil
		}
		left := b.buffer.Len()
		b.giveUp()
		_ = b.buffer.Flush(context.WithoutCancel(ctx)) // waits only for done of other goroutines
		return fmt.Errorf("memory: gave up %d messages: %w", left, err)
	})
}

func (b *Backend) giveUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.givingUp = true
	b.endDelay()
	b.serve()
}

// nextChange returns a channel that announce closes.
func (b *Backend) nextChange() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// announce wakes all calls of Wait.
func (b *Backend) announce() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}
