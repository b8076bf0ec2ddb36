package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// Writer writes records to Kafka with one client library.
type Writer interface {
	// Write takes the record over and returns without waiting. Later, on another
	// goroutine, the writer calls the record's Delivered or Failed exactly once.
	// Records of one key are first written in the order of the calls.
	Write(r Record)
	// Close gives up the records left and returns when each has been settled and
	// nothing runs any more. Write is not called at the same time or later.
	Close()
}

// Bus is a [signalcast.Backend] over a Writer.
type Bus struct {
	*backendkit.Log

	place         string
	writer        Writer
	registry      *registry
	buffer        *backendkit.Buffer
	maxBytes      int
	headerNames   int // in bytes
	timeout       time.Duration
	registerOnUse bool

	// stop ends the waiting for schemas, registering waits for it.
	stopped     context.Context //nolint:containedctx // the life of the goroutines
	stop        context.CancelFunc
	registering sync.WaitGroup

	mu      sync.RWMutex // held while the writer is given a record
	waiting map[string]*queue
	gone    bool // the writer takes no more records

	closing backendkit.CloseOnce
	closed  atomic.Bool // Close was called
}

var _ signalcast.Backend = (*Bus)(nil)

// New returns a bus that writes with w, whose configuration is checked.
func New(c Config, log *backendkit.Log, w Writer) (*Bus, error) {
	registry, err := newRegistry(c)
	if err != nil {
		return nil, err
	}
	b := &Bus{
		Log: log, place: c.String(), writer: w, registry: registry,
		buffer:   backendkit.NewBuffer(c.BufferMessages, c.BufferBytes, c.FailFast),
		maxBytes: c.MaxMessageBytes, timeout: c.DeliveryTimeout,
		registerOnUse: c.RegisterOnUse,
		waiting:       map[string]*queue{},
	}
	for _, a := range Attributes() {
		b.headerNames += len(a.Header)
	}
	b.stopped, b.stop = context.WithCancel(context.Background())
	return b, nil
}

// String says where the backend writes, without credentials.
func (b *Bus) String() string { return b.place }

// Prepare checks the names of topics, and that the schema registry takes the
// schemas; see the backend packages.
func (b *Bus) Prepare(ctx context.Context, routes []signalcast.Route) error {
	if b.closed.Load() {
		return signalcast.ErrClosed
	}
	if err := b.prepare(ctx, routes); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	return nil
}

// overhead is what a waiting message occupies beside its value and key, in bytes,
// most of it in the client libraries.
const overhead = 4096

// Publish takes m into the buffer; see [signalcast.Backend].
func (b *Bus) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	size := batchBytes(m, b.headerNames)
	if size > b.maxBytes {
		return fmt.Errorf("kafka: found a record of about %d bytes; want at most Config.MaxMessageBytes, %d: %w",
			size, b.maxBytes, signalcast.ErrTooLarge)
	}
	place, err := b.buffer.Acquire(ctx, overhead+int64(len(m.Key))+int64(len(m.Event.Value)))
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	b.submit(Record{Message: m, Taken: time.Now(), batchBytes: size, done: done, buffer: b.buffer, place: place})
	return nil
}

// Flush waits until the outcome of every message taken before the call was reported.
func (b *Bus) Flush(ctx context.Context) error {
	if err := b.buffer.Flush(ctx); err != nil {
		return fmt.Errorf("kafka: flush: %w", err)
	}
	return nil
}

// Close stops taking messages, waits for the outcome of those taken and closes
// the connections. Messages that are left when ctx ends fail with ErrClosed;
// Close then returns ctx's error and says how many they were.
func (b *Bus) Close(ctx context.Context) error {
	return b.closing.Do(ctx, func() error { return b.shutDown(ctx) })
}

func (b *Bus) shutDown(ctx context.Context) error {
	b.closed.Store(true)
	b.buffer.Close()
	err := b.buffer.Flush(ctx)
	left := b.buffer.Len()
	b.mu.Lock()
	b.gone = true
	b.mu.Unlock()
	b.stop()
	b.registering.Wait()
	b.writer.Close()
	_ = b.buffer.Flush(context.WithoutCancel(ctx)) // nothing is waited for any more
	b.registry.close()
	if err != nil {
		return fmt.Errorf("kafka: %d messages were given up: %w", left, err)
	}
	return nil
}

// Unacknowledged returns the number of messages that were taken and whose
// outcome has not been reported.
func (b *Bus) Unacknowledged() int { return b.buffer.Len() }

// queue holds the records of one topic while a schema of the first of them is
// not registered. All records of the topic wait behind it, which keeps their order.
type queue struct{ records []Record }

// submit writes r, or lets it wait for its schemas.
func (b *Bus) submit(r Record) {
	topic := r.Message.Topic
	b.mu.RLock()
	if !b.gone && b.waiting[topic] == nil && b.ready(&r) {
		b.writer.Write(r)
		b.mu.RUnlock()
		return
	}
	b.mu.RUnlock()

	b.mu.Lock()
	gone := b.gone
	if !gone {
		q := b.waiting[topic]
		if q == nil {
			q = new(queue)
			b.waiting[topic] = q
			b.registering.Go(func() { b.serve(topic, q) })
		}
		q.records = append(q.records, r)
	}
	b.mu.Unlock()
	if gone {
		r.Failed(signalcast.FateNotWritten, signalcast.ErrClosed)
	}
}

// ready completes the record if its schemas are registered.
func (b *Bus) ready(r *Record) (ok bool) {
	r.schemas, ok = b.registry.known(r.Message)
	return ok
}

// serve registers what the queue's records need and writes them.
func (b *Bus) serve(topic string, q *queue) {
	var cause error // why the last record's schemas could not be registered
	for {
		b.mu.Lock()
		if len(q.records) == 0 {
			delete(b.waiting, topic)
			b.mu.Unlock()
			return
		}
		r := q.records[0]
		q.records[0] = Record{}
		q.records = q.records[1:]
		b.mu.Unlock()
		err := b.await(&r)
		if err == nil || cause == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			cause = err // rather what is wrong with the registry than that the waiting is over
		}
		switch {
		case err == nil:
			b.writer.Write(r)
		case b.stopped.Err() != nil:
			r.Failed(signalcast.FateNotWritten, Closed(cause))
		case time.Since(r.Taken) >= b.timeout:
			r.Failed(signalcast.FateNotWritten, fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, cause))
		default:
			r.Failed(signalcast.FateNotWritten, cause)
		}
	}
}

// await registers the schemas of the record and completes it. It tries until the
// delivery timeout of the record has passed.
func (b *Bus) await(r *Record) error {
	ctx, cancel := context.WithDeadline(b.stopped, r.Taken.Add(b.timeout))
	defer cancel()
	for _, s := range []*signalcast.Schema{r.Message.Event.ValueSchema, r.Message.KeySchema} {
		if err := b.registerPatiently(ctx, r.Message.Topic, s); err != nil {
			return err
		}
	}
	b.ready(r)
	return nil
}
