// Package filebackend appends messages to files of JSON lines, one file for each
// topic. It is the example of docs/writing-a-backend.md: small, and complete.
package filebackend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/signalcast/signalcast"
)

// Config says where a [Backend] writes, and how much it holds.
type Config struct {
	// Dir is the directory of the files. It must be set. While it cannot be
	// written to, messages stay in the buffer.
	Dir string
	// BufferMessages is how many messages may be waiting for the disk. 0 means 10,000.
	BufferMessages int
	// BufferBytes is how long their lines may be together. 0 means 64 MiB.
	BufferBytes int
	// FailFast makes Publish answer ErrBufferFull instead of waiting for room.
	FailFast bool
	// Logger is told when files cannot be opened, once in each outage. Nil means
	// that nothing is logged.
	Logger *slog.Logger
}

// Backend is a [signalcast.Backend] that appends messages to files. A message is
// delivered once its file is synced. One Backend at a time may write to a
// directory. All methods are safe for concurrent use.
type Backend struct {
	config Config

	mu       sync.Mutex
	queue    []*entry // taken, and not yet in the writer's hands
	open     int      // messages taken whose room is not free again
	bytes    int      // their lines
	taken    uint64   // messages taken so far
	finished uint64   // of those, from the first on, how many are done with
	givenUp  int      // messages that were out of time
	closing  bool
	changed  chan struct{} // closed and replaced at every change

	outOfTime chan struct{} // closed when Close is
	written   chan struct{} // closed when the writer has ended
	closed    chan struct{} // closed when Close has ended
	closeErr  error
}

var _ signalcast.Backend = (*Backend)(nil)

// entry is a message in the buffer.
type entry struct {
	topic string
	line  []byte
	done  func(signalcast.Receipt, error)
}

// New checks the configuration and starts the writer, which Close ends.
func New(c Config) (*Backend, error) {
	if c.Dir == "" {
		return nil, errors.New("file backend: Dir is empty; it names the directory to write to")
	}
	if c.BufferMessages < 0 || c.BufferBytes < 0 {
		return nil, fmt.Errorf("file backend: the buffer is for %d messages and %d bytes; neither may be negative",
			c.BufferMessages, c.BufferBytes)
	}
	if c.BufferMessages == 0 {
		c.BufferMessages = 10_000
	}
	if c.BufferBytes == 0 {
		c.BufferBytes = 64 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Backend{
		config:    c,
		changed:   make(chan struct{}),
		outOfTime: make(chan struct{}),
		written:   make(chan struct{}),
		closed:    make(chan struct{}),
	}
	go b.write()
	return b, nil
}

// Prepare refuses topics that cannot be the name of a file.
func (b *Backend) Prepare(_ context.Context, routes []signalcast.Route) error {
	var faults []error
	for _, r := range routes {
		if err := checkTopic(r.Topic); err != nil {
			faults = append(faults, fmt.Errorf("event type %q: %w", r.EventType, err))
		}
	}
	return errors.Join(faults...)
}

// Publish takes the message into the buffer, see [signalcast.Backend].
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if err := checkTopic(m.Topic); err != nil {
		return err
	}
	line, err := appendLine(nil, m)
	if err != nil {
		return err
	}
	if len(line) > b.config.BufferBytes {
		return fmt.Errorf("%w: its line has %d bytes, the buffer holds %d",
			signalcast.ErrTooLarge, len(line), b.config.BufferBytes)
	}
	for e := (&entry{m.Topic, line, done}); ; {
		changed, err := b.take(e)
		if !errors.Is(err, signalcast.ErrBufferFull) || b.config.FailFast {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for room in the buffer: %w", ctx.Err())
		}
	}
}

// take puts e into the buffer. When there is no room it returns ErrBufferFull,
// and a channel that tells when to try again.
func (b *Backend) take(e *entry) (changed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closing:
		return nil, signalcast.ErrClosed
	case b.open == b.config.BufferMessages, b.bytes+len(e.line) > b.config.BufferBytes:
		return b.changed, signalcast.ErrBufferFull
	}
	b.queue = append(b.queue, e)
	b.open++
	b.bytes += len(e.line)
	b.taken++
	b.announce()
	return nil, nil
}

// release makes room after the outcome of a batch was reported.
func (b *Backend) release(batch []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range batch {
		b.bytes -= len(e.line)
	}
	b.open -= len(batch)
	b.finished += uint64(len(batch))
	b.announce()
}

// announce wakes everyone who waits for a change. It is called with b.mu held.
func (b *Backend) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// Flush waits for the messages taken before the call, see [signalcast.Backend].
func (b *Backend) Flush(ctx context.Context) error {
	taken, _, _ := b.progress()
	for {
		_, finished, changed := b.progress()
		if finished >= taken {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *Backend) progress() (taken, finished uint64, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken, b.finished, b.changed
}

// Close writes what is in the buffer, or gives it up when ctx ends, see
// [signalcast.Backend]. A system call in progress is waited for.
func (b *Backend) Close(ctx context.Context) error {
	if b.begins() {
		b.closeErr = b.drain(ctx)
		close(b.closed)
	}
	if !isClosed(b.closed) {
		select {
		case <-b.closed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the first Close: %w", ctx.Err())
		}
	}
	return b.closeErr
}

// begins reports, to the first Close, that it is the first one.
func (b *Backend) begins() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	first := !b.closing
	b.closing = true
	b.announce()
	return first
}

// drain waits for the writer, or makes it give up when ctx ends.
func (b *Backend) drain(ctx context.Context) error {
	select {
	case <-b.written:
	case <-ctx.Done():
		close(b.outOfTime)
		<-b.written
	}
	if b.givenUp > 0 {
		return fmt.Errorf("%d messages given up: %w", b.givenUp, ctx.Err())
	}
	return nil
}
