package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/closing"
)

var _ signalcast.Backend = (*Backend)(nil)

// Backend publishes messages to Redis streams. Its methods may be called from
// many goroutines at the same time.
type Backend struct {
	place           string
	client          redis.UniversalClient
	sessions        *sessions
	buffer          *backendkit.Buffer
	maxLen          int64
	batchMessages   int
	deliveryTimeout time.Duration
	log             *slog.Logger

	// start serves a stream on a goroutine of its own, stop makes these
	// goroutines give up, and serving waits for them.
	start   func(*stream)
	stop    context.CancelFunc
	serving sync.WaitGroup

	mu      sync.Mutex
	streams map[string]*stream // those with messages

	// producers and numbered name messages to servers that recognise repetitions.
	producers []string
	numbered  int64

	duplicates atomic.Uint64

	trims *trimWatch // nil where nobody asked

	closing closing.Once
}

// New returns a backend for the servers that c names. It checks c and reports
// every fault, each as a *ConfigError. It does not connect: a server that is
// away is connected to when it is back.
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
	dialed := &links{open: map[*link]struct{}{}}
	client := newClient(c, dialed)
	ctx, stop := context.WithCancel(context.Background())
	b := &Backend{
		place:           place,
		client:          client,
		sessions:        newSessions(client, dialed, c.Pipelines, c.ReadTimeout),
		buffer:          backendkit.NewBuffer(c.BufferMessages, c.BufferBytes, c.FailFast),
		maxLen:          c.MaxLen,
		batchMessages:   c.BatchMessages,
		deliveryTimeout: c.DeliveryTimeout,
		log:             c.Logger,
		stop:            stop,
		streams:         map[string]*stream{},
	}
	b.start = func(s *stream) { b.serving.Go(func() { b.serve(ctx, s) }) }
	if c.OnTrim != nil {
		b.trims = &trimWatch{maxLen: c.MaxLen, report: c.OnTrim, streams: map[string]*watched{}}
	}
	name := rand.Text()
	for i := range c.BatchMessages/idempotencyIDs + 2 {
		b.producers = append(b.producers, name+"-"+strconv.Itoa(i))
	}
	return b, nil
}

// String says where the backend writes, without credentials.
func (b *Backend) String() string { return "redis.Backend of " + b.place }

// GoString returns String.
func (b *Backend) GoString() string { return b.String() }

// Publish takes m into the buffer; see [signalcast.Backend]. The receipt holds
// the ID of the stream entry. When done gets an error it is a
// *signalcast.DeliveryError.
func (b *Backend) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if len(m.Event.Value) > maxValueBytes {
		return fmt.Errorf("redis: the value has %d bytes; a Redis value has at most %d: %w",
			len(m.Event.Value), maxValueBytes, signalcast.ErrTooLarge)
	}
	place, err := b.buffer.Acquire(ctx, overhead+int64(len(m.Event.Value))+int64(len(m.Key)))
	if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	b.enqueue(pending{message: m, done: done, place: place, accepted: time.Now()})
	return nil
}

// maxValueBytes is the default of the server's proto-max-bulk-len.
const maxValueBytes = 512 << 20

// Flush waits until the outcome of every message taken before the call was reported.
func (b *Backend) Flush(ctx context.Context) error {
	if err := b.buffer.Flush(ctx); err != nil {
		return fmt.Errorf("redis: flush: %w", err)
	}
	return nil
}

// Close stops taking messages, waits for the outcome of those taken and closes
// the connections. Messages that are left when ctx ends fail with ErrClosed;
// Close then returns ctx's error and says how many they were.
func (b *Backend) Close(ctx context.Context) error {
	return b.closing.Do(ctx, func() error { return b.shutDown(ctx) })
}

func (b *Backend) shutDown(ctx context.Context) error {
	b.buffer.Close()
	err := b.buffer.Flush(ctx)
	left := b.buffer.Len()
	b.stop()
	// Closing the connections ends what still waits for an answer. The client
	// would first wait for the answers of Sentinels.
	b.sessions.links.close()
	closeErr := b.client.Close()
	_ = b.buffer.Flush(context.WithoutCancel(ctx)) // nothing is waited for any more
	b.serving.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("redis: %d messages were given up: %w", left, err)
	case closeErr != nil:
		return fmt.Errorf("redis: %w", closeErr)
	default:
		return nil
	}
}

// Unacknowledged returns the number of messages that were taken and whose
// outcome has not been reported.
func (b *Backend) Unacknowledged() int { return b.buffer.Len() }

// PossibleDuplicates returns how many times a message was written again after
// an attempt that may have written it, to a server that cannot recognise
// repetitions. No more entries than that are duplicates.
func (b *Backend) PossibleDuplicates() uint64 { return b.duplicates.Load() }
