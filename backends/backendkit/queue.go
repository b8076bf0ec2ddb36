package backendkit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// QueueConfig configures a [Queue]. The zero value of each field is its default.
type QueueConfig struct {
	// BufferMessages is the number of messages that may be accepted and have no outcome yet.
	// 0 means 10,000.
	BufferMessages int
	// BufferBytes bounds the values and keys of these messages. 0 means 64 MiB.
	BufferBytes int64
	// FailFast makes Publish return ErrBufferFull if the buffer is full. False means that it
	// waits for room.
	FailFast bool
	// DeliveryTimeout is how long a message is retried. After it, the message fails with
	// ErrDeliveryTimeout. 0 means 2 minutes.
	DeliveryTimeout time.Duration
	// Logger gets a line when an outage begins and one when it ends. Nil means the
	// dispatcher's logger.
	Logger *slog.Logger
}

// Queue accepts messages and gives them, in order, to a write function in a goroutine of its
// own. It implements all methods of [signalcast.Backend] but Prepare, and keeps their
// contract. A Queue is safe for concurrent use.
type Queue struct {
	*Log

	write   func(ctx context.Context, batch []*Item) error
	timeout time.Duration
	buffer  *Buffer
	closing CloseOnce

	troubles *Troubles
	attempts *Attempts // of the writer

	mu       sync.Mutex
	accepted []*Item // not given to write yet
	closed   bool

	wake    chan struct{} // holds a token if accepted or closed changed
	giveUp  chan struct{} // closed when the context of Close ends
	stopped chan struct{} // closed when the writer has returned
	givenUp int           // items without an outcome at that time; written by the writer
}

// Item is a message that a [Queue] gives to its write function.
type Item struct {
	// Message is valid until Delivered or Failed has returned.
	Message *signalcast.Message

	queue    *Queue
	done     func(signalcast.Receipt, error)
	room     Room
	accepted time.Time
	finished bool
}

// Delivered reports that the broker stored the message.
func (e *Item) Delivered(r signalcast.Receipt) { e.finish(r, nil) }

// Failed reports that the message will not be retried. It may have been written, unless
// err is a *signalcast.DeliveryError with FateNotWritten.
func (e *Item) Failed(err error) { e.finish(signalcast.Receipt{}, err) }

func (e *Item) finish(r signalcast.Receipt, err error) {
	if !e.finished {
		e.finished = true
		e.done(r, err)
		e.queue.buffer.Release(e.room)
	}
}

func (e *Item) giveUp(err error) {
	e.Failed(&signalcast.DeliveryError{Fate: signalcast.FateNotWritten, Err: err})
}

var errNoCause = errors.New("the backend gave no cause")

// NewQueue returns a Queue and starts its writer, which Close ends.
//
// The writer calls write with all accepted messages, at least one. write calls Delivered or
// Failed for each item with an outcome. The others must not have been written: the
// writer calls write with them again, after a pause, and before newer messages. The error
// says why; it is logged. write returns soon after ctx has ended.
//
// NewQueue returns an error if a limit of c is negative.
func NewQueue(c QueueConfig, write func(ctx context.Context, batch []*Item) error) (*Queue, error) {
	if c.BufferMessages < 0 || c.BufferBytes < 0 || c.DeliveryTimeout < 0 {
		return nil, fmt.Errorf("queue: found BufferMessages %d, BufferBytes %d, DeliveryTimeout %v; want 0 or more",
			c.BufferMessages, c.BufferBytes, c.DeliveryTimeout)
	}
	log := NewLog(c.Logger)
	troubles := NewTroubles(log)
	q := &Queue{
		Log: log, troubles: troubles, attempts: troubles.To(""),
		write:   write,
		timeout: cmp.Or(c.DeliveryTimeout, 2*time.Minute),
		buffer:  NewBuffer(cmp.Or(c.BufferMessages, 10_000), cmp.Or(c.BufferBytes, 64<<20), c.FailFast),
		wake:    make(chan struct{}, 1),
		giveUp:  make(chan struct{}),
		stopped: make(chan struct{}),
	}
	go q.run()
	return q, nil
}

// Publish accepts m into the buffer. See [signalcast.Backend].
func (q *Queue) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	size := int64(len(m.Event.Value) + len(m.Key))
	room, err := q.buffer.Acquire(ctx, size)
	if err != nil {
		return fmt.Errorf("message of %d bytes: %w", size, err)
	}
	q.mu.Lock()
	q.accepted = append(q.accepted, &Item{Message: m, queue: q, done: done, room: room, accepted: time.Now()})
	q.mu.Unlock()
	q.signal()
	return nil
}

// Flush blocks until the messages that were accepted before the call have outcomes. See
// [signalcast.Backend].
func (q *Queue) Flush(ctx context.Context) error {
	if err := q.buffer.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// Buffered returns the use of the buffer. See [signalcast.Backend].
func (q *Queue) Buffered() signalcast.BufferUsage { return q.buffer.Usage() }

// Troubles returns the error of the last write if it failed. See [signalcast.Backend].
func (q *Queue) Troubles() []signalcast.Trouble { return q.troubles.List() }

// Closed reports whether Close was called. Prepare returns ErrClosed then.
func (q *Queue) Closed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}

// Close writes the accepted messages, or gives them up when ctx ends. See
// [signalcast.Backend].
func (q *Queue) Close(ctx context.Context) error {
	return q.closing.Do(ctx, func() error {
		q.buffer.Close()
		q.mu.Lock()
		q.closed = true
		q.mu.Unlock()
		q.signal()
		select {
		case <-q.stopped:
		case <-ctx.Done():
			close(q.giveUp)
			<-q.stopped
		}
		if q.givenUp > 0 {
			return fmt.Errorf("gave up %d messages: %w", q.givenUp, ctx.Err())
		}
		return nil
	})
}

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run is the writer.
func (q *Queue) run() {
	defer close(q.stopped)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-q.giveUp:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		batch, ended := q.next()
		switch {
		case len(batch) > 0:
			q.deliver(ctx, batch)
		case ended:
			return
		default:
			<-q.wake
		}
	}
}

// next returns the accepted messages. ended reports whether there will be no more.
func (q *Queue) next() (batch []*Item, ended bool) {
	q.mu.Lock()
	batch, q.accepted = q.accepted, nil
	closed := q.closed
	q.mu.Unlock()
	// A Publish that has room and is not in accepted yet counts in the buffer.
	return batch, closed && len(batch) == 0 && q.buffer.Len() == 0
}

// deliver writes batch until every item has an outcome.
func (q *Queue) deliver(ctx context.Context, batch []*Item) {
	for failures := 0; ; {
		err := q.write(ctx, batch)
		left := batch[:0]
		for _, e := range batch {
			switch {
			case e.finished:
			case ctx.Err() != nil:
				q.givenUp++
				e.giveUp(signalcast.ErrClosed)
			case time.Since(e.accepted) >= q.timeout:
				e.giveUp(fmt.Errorf("%w after %v: %w", signalcast.ErrDeliveryTimeout, q.timeout, cmp.Or(err, errNoCause)))
			default:
				left = append(left, e)
			}
		}
		if batch = left; len(batch) == 0 {
			if err == nil {
				q.attempts.Succeeded()
			} else {
				q.attempts.Ended()
			}
			return
		}
		failures++
		q.attempts.Failed(cmp.Or(err, errNoCause))
		_ = Pause(ctx, failures, q.timeout-time.Since(batch[0].accepted)) // the next write sees that ctx has ended
	}
}
