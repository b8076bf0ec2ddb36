package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

var _ signalcast.Backend = (*Backend)(nil)

// Backend publishes messages to Redis streams. All methods are safe for concurrent use.
type Backend struct {
	log             *backendkit.Log
	troubles        *backendkit.Troubles
	place           string
	servers         servers
	buffer          *backendkit.Buffer
	maxLen          int64
	batchMessages   int
	deliveryTimeout time.Duration

	// start serves a stream in its own goroutine. stop makes these goroutines give up.
	// serving waits for them.
	start   func(*stream)
	stop    context.CancelFunc
	serving sync.WaitGroup

	mu      sync.Mutex
	streams map[string]*stream // those with messages

	// producers and numbered identify messages for servers that recognise duplicates.
	producers []string
	numbered  int64

	duplicates atomic.Uint64

	trims *trimWatch // nil without Config.OnTrim

	closing backendkit.CloseOnce
	closed  atomic.Bool // Close was called
}

// New returns a backend for the servers of c. If c is invalid, the error joins a
// [*ConfigError] for each fault. New does not connect, so a server may be unreachable.
func New(c Config) (*Backend, error) {
	place := c.String()
	c = c.withDefaults()
	err := c.check()
	if c.URL != "" {
		err = errors.Join(err, c.mergeURL())
	}
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &Backend{
		place:           place,
		servers:         newServers(c),
		buffer:          backendkit.NewBuffer(c.BufferMessages, c.BufferBytes, c.FailFast),
		maxLen:          c.MaxLen,
		batchMessages:   c.BatchMessages,
		deliveryTimeout: c.DeliveryTimeout,
		log:             backendkit.NewLog(c.Logger),
		stop:            stop,
		streams:         map[string]*stream{},
	}
	if cluster := b.servers.cluster; cluster != nil {
		b.serving.Go(func() { cluster.run(ctx) })
	}
	b.troubles = backendkit.NewTroubles(b.log)
	b.start = func(s *stream) { b.serving.Go(func() { b.serve(ctx, s) }) }
	if c.OnTrim != nil {
		report := func(t Trim) { b.log.Protect("OnTrim", func() { c.OnTrim(t) }) }
		b.trims = &trimWatch{maxLen: c.MaxLen, report: report, streams: map[string]*watched{}}
	}
	name := rand.Text()
	for i := range c.BatchMessages/idempotencyIDs + 2 {
		b.producers = append(b.producers, name+"-"+strconv.Itoa(i))
	}
	return b, nil
}

// String returns the servers, without credentials.
func (b *Backend) String() string { return "redis.Backend{" + b.place + "}" }

// Format writes String for every verb.
func (b *Backend) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// Publish accepts m into the buffer. See [signalcast.Backend]. The receipt holds the ID of the
// stream entry. The error given to done is a *signalcast.DeliveryError.
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if len(m.Event.Value) > maxValueBytes {
		return fmt.Errorf("redis: found a value of %d bytes; want at most %d: %w",
			len(m.Event.Value), maxValueBytes, signalcast.ErrTooLarge)
	}
	room, err := b.buffer.Acquire(ctx, overhead+int64(len(m.Event.Value))+int64(len(m.Key)))
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	b.enqueue(pending{message: m, done: done, room: room, accepted: time.Now()})
	return nil
}

// maxValueBytes is the default of the server's proto-max-bulk-len.
const maxValueBytes = 512 << 20

// Flush blocks until every message that was accepted before the call has an outcome.
func (b *Backend) Flush(ctx context.Context) error {
	if err := b.buffer.Flush(ctx); err != nil {
		return fmt.Errorf("redis: flush: %w", err)
	}
	return nil
}

// Close rejects new messages, waits for the outcome of accepted ones and closes the
// connections. If ctx ends first, the remaining messages fail with ErrClosed, and the
// error of Close has their number and wraps ctx.Err().
func (b *Backend) Close(ctx context.Context) error {
	return b.closing.Do(ctx, func() error { return b.shutDown(ctx) })
}

func (b *Backend) shutDown(ctx context.Context) error {
	b.closed.Store(true)
	b.buffer.Close()
	err := b.buffer.Flush(ctx)
	left := b.buffer.Len()
	b.stop()
	closeErr := b.servers.close()
	_ = b.buffer.Flush(context.WithoutCancel(ctx)) // does not block for long now
	b.serving.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("redis: gave up %d messages: %w", left, err)
	case closeErr != nil:
		return fmt.Errorf("redis: %w", closeErr)
	default:
		return nil
	}
}

// UseLogger sets the logger if Config.Logger is nil. The dispatcher calls it.
func (b *Backend) UseLogger(l *slog.Logger) { b.log.UseLogger(l) }

// Panics returns the number of recovered panics of the log handler and of OnTrim.
func (b *Backend) Panics() int64 { return b.log.Panics() }

// Unacknowledged returns the number of accepted messages that have no outcome.
func (b *Backend) Unacknowledged() int { return b.buffer.Len() }

// Troubles returns the streams that cannot be written at present, with the cause.
func (b *Backend) Troubles() []signalcast.Trouble { return b.troubles.List() }

// Buffered returns the use of the buffer.
func (b *Backend) Buffered() signalcast.BufferUsage { return b.buffer.Usage() }

// PossibleDuplicates returns how many times a message was retried after an attempt that may
// have written it, on a server that does not recognise duplicates. It is the largest
// possible number of duplicate entries.
func (b *Backend) PossibleDuplicates() uint64 { return b.duplicates.Load() }
