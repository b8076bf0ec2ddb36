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
	// Write accepts the record and returns without waiting. Later, on another goroutine, the
	// writer calls the Delivered or Failed method of the record exactly once. Records of
	// one key are first written in the order of the calls.
	Write(r Record)
	// Topics asks a broker for topics, without creating them. It returns the error of each topic
	// that has one, such as ErrUnknownTopic.
	Topics(ctx context.Context, names []string) (faults map[string]error, err error)
	// Close gives up the remaining records. It returns when each has an outcome and no
	// goroutine of the writer runs. Write must not be called during or after Close.
	Close()
}

// Bus is a [signalcast.Backend] over a Writer.
type Bus struct {
	*backendkit.Log

	troubles      *backendkit.Troubles
	place         string
	writer        Writer
	registry      *registry
	buffer        *backendkit.Buffer
	maxBytes      int
	headerNames   int // in bytes
	timeout       time.Duration
	schemaTimeout time.Duration
	registerOnUse bool
	requireTopics bool

	// stop ends the waits for schemas. registering counts the goroutines that wait.
	stopped     context.Context //nolint:containedctx // the life of the goroutines
	stop        context.CancelFunc
	registering sync.WaitGroup

	mu           sync.RWMutex // held while Write is called
	waiting      map[string]*queue
	writerClosed bool // Write must not be called

	closing backendkit.CloseOnce
	closed  atomic.Bool // Close was called
}

var _ signalcast.Backend = (*Bus)(nil)

// New returns a bus that writes with w. Check must have checked c.
func New(c Config, troubles *backendkit.Troubles, w Writer) (*Bus, error) {
	registry, err := newRegistry(c)
	if err != nil {
		return nil, err
	}
	b := &Bus{
		Log: troubles.Log(), troubles: troubles, place: c.String(), writer: w, registry: registry,
		buffer:   backendkit.NewBuffer(c.BufferMessages, c.BufferBytes, c.FailFast),
		maxBytes: c.MaxMessageBytes, timeout: c.DeliveryTimeout,
		schemaTimeout: c.SchemaTimeout, registerOnUse: c.RegisterOnUse, requireTopics: c.RequireTopics,
		waiting: map[string]*queue{},
	}
	for _, a := range Attributes() {
		b.headerNames += len(a.Header)
	}
	b.stopped, b.stop = context.WithCancel(context.Background())
	if registry.client != nil {
		b.registering.Go(func() { b.checkSchemas(c.SchemaCheck) })
	}
	return b, nil
}

// String returns the brokers and the registry, without credentials.
func (b *Bus) String() string { return b.place }

// Prepare checks the names of topics and registers schemas. See the backend packages.
func (b *Bus) Prepare(ctx context.Context, routes []signalcast.Route) error {
	if b.closed.Load() {
		return signalcast.ErrClosed
	}
	if err := b.prepare(ctx, routes); err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	return nil
}

// overhead is the memory of a waiting message besides its value and key, in bytes. Most of it
// is in the client libraries.
const overhead = 4096

// Publish accepts m into the buffer. See [signalcast.Backend].
func (b *Bus) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	size := batchBytes(m, b.headerNames)
	if size > b.maxBytes {
		return fmt.Errorf("kafka: found a record of about %d bytes; want at most Config.MaxMessageBytes, %d: %w",
			size, b.maxBytes, signalcast.ErrTooLarge)
	}
	room, err := b.buffer.Acquire(ctx, overhead+int64(len(m.Key))+int64(len(m.Event.Value)))
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	b.submit(Record{Message: m, Accepted: time.Now(), batchBytes: size, done: done, buffer: b.buffer, room: room})
	return nil
}

// Flush blocks until every message that was accepted before the call has an outcome.
func (b *Bus) Flush(ctx context.Context) error {
	if err := b.buffer.Flush(ctx); err != nil {
		return fmt.Errorf("kafka: flush: %w", err)
	}
	return nil
}

// Close rejects new messages, waits for the outcome of accepted ones and closes the
// connections. If ctx ends first, the remaining messages fail with ErrClosed, and the error of
// Close has their number and wraps ctx.Err().
func (b *Bus) Close(ctx context.Context) error {
	return b.closing.Do(ctx, func() error { return b.shutDown(ctx) })
}

func (b *Bus) shutDown(ctx context.Context) error {
	b.closed.Store(true)
	b.buffer.Close()
	err := b.buffer.Flush(ctx)
	left := b.buffer.Len()
	b.mu.Lock()
	b.writerClosed = true
	b.mu.Unlock()
	b.stop()
	b.registering.Wait()
	b.writer.Close()
	_ = b.buffer.Flush(context.WithoutCancel(ctx)) // does not block for long now
	b.registry.close()
	if err != nil {
		return fmt.Errorf("kafka: gave up %d messages: %w", left, err)
	}
	return nil
}

// Unacknowledged returns the number of accepted messages that have no outcome.
func (b *Bus) Unacknowledged() int { return b.buffer.Len() }

// Troubles returns the topics that cannot be written at present, with the cause.
func (b *Bus) Troubles() []signalcast.Trouble { return b.troubles.List() }

// Buffered returns the use of the buffer.
func (b *Bus) Buffered() signalcast.BufferUsage { return b.buffer.Usage() }

// queue holds the records of one topic while a schema of the first one is not registered. All
// other records of the topic wait behind it, which keeps their order.
type queue struct{ records []Record }

// submit writes r, or queues it until its schemas are registered.
func (b *Bus) submit(r Record) {
	topic := r.Message.Topic
	b.mu.RLock()
	if !b.writerClosed && b.waiting[topic] == nil && b.ready(&r) {
		b.writer.Write(r)
		b.mu.RUnlock()
		return
	}
	b.mu.RUnlock()

	b.mu.Lock()
	closed := b.writerClosed
	if !closed {
		q := b.waiting[topic]
		if q == nil {
			q = new(queue)
			b.waiting[topic] = q
			b.registering.Go(func() { b.serve(topic, q) })
		}
		q.records = append(q.records, r)
	}
	b.mu.Unlock()
	if closed {
		r.Failed(signalcast.FateNotWritten, signalcast.ErrClosed)
	}
}

// ready sets the schema IDs of the record, and reports whether all are registered.
func (b *Bus) ready(r *Record) (ok bool) {
	r.schemas, ok = b.registry.known(r.Message)
	return ok
}

// serve registers the schemas of the records in the queue and writes the records.
func (b *Bus) serve(topic string, q *queue) {
	var cause error // of the last failure to register
	attempts := b.troubles.To(topic)
	for {
		b.mu.Lock()
		if len(q.records) == 0 {
			delete(b.waiting, topic)
			b.mu.Unlock()
			attempts.Ended()
			return
		}
		r := q.records[0]
		q.records[0] = Record{}
		q.records = q.records[1:]
		b.mu.Unlock()
		err := b.await(&r, attempts)
		if err == nil || cause == nil || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
			cause = err // the fault of the registry tells more than the end of the wait
		}
		switch {
		case err == nil:
			attempts.Succeeded()
			b.writer.Write(r)
		case b.stopped.Err() != nil:
			r.Failed(signalcast.FateNotWritten, Closed(cause))
		case time.Since(r.Accepted) >= b.timeout:
			r.Failed(signalcast.FateNotWritten, fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, cause))
		default:
			r.Failed(signalcast.FateNotWritten, cause)
		}
	}
}

// await registers the schemas of the record and sets their IDs. It retries until the delivery
// timeout of the record.
func (b *Bus) await(r *Record, attempts *backendkit.Attempts) error {
	ctx, cancel := context.WithDeadline(b.stopped, r.Accepted.Add(b.timeout))
	defer cancel()
	for _, s := range []*signalcast.Schema{r.Message.Event.ValueSchema, r.Message.KeySchema} {
		if err := b.registerPatiently(ctx, r.Message.Topic, s, attempts.Failed); err != nil {
			return err
		}
	}
	b.ready(r)
	return nil
}
