package franz

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// writer is the thin layer over franz-go's producer.
type writer struct {
	options []kgo.Opt
	client  atomic.Pointer[kgo.Client]
	timeout time.Duration
	wire    *kafkabus.Wire

	// running counts the goroutine that renews the client, which stop ends.
	ctx      context.Context //nolint:containedctx // the life of the goroutine
	stop     context.CancelFunc
	running  sync.WaitGroup
	mu       sync.Mutex // held while renewing begins or ends, and while it is stopped
	renewing bool

	attributes [10]kafkabus.Attribute
	records    sync.Pool // of *record that no message has
}

func newWriter(c kafkabus.Config, log *backendkit.Log) (*writer, error) {
	w := &writer{timeout: c.DeliveryTimeout, wire: kafkabus.NewWire(c), attributes: kafkabus.Attributes()}
	w.records.New = func() any { return newRecord(w.settle) }
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.options = []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.Dialer(w.wire.Dial),
		kgo.WithLogger(logger{log}),
		// Together they are how long an answer is waited for.
		kgo.ProduceRequestTimeout(c.RequestTimeout / 2),
		kgo.RequestTimeoutOverhead(c.RequestTimeout / 2),
		kgo.DisableClientMetrics(),
		kgo.MaxVersions(byName()),

		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, partitions int) int { return kafkabus.Partition(r.Key, partitions) }
		})),
		kgo.ProducerBatchMaxBytes(int32(c.MaxMessageBytes)), //nolint:gosec // checked to be small
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0), // what waits while a request is in flight makes the next batch
		kgo.AllowAutoTopicCreation(),
		// The bound is that of the bus.
		kgo.MaxBufferedRecords(math.MaxInt),
		// Nothing that heals is given up before the delivery timeout, and what does
		// not heal is given up then, also when an acknowledgement is missing.
		kgo.UnknownTopicRetries(-1),
		kgo.RecordDeliveryTimeout(c.DeliveryTimeout),
		kgo.AllowIdempotentProduceCancellation(),
		kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(backendkit.Backoff),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(5 * time.Second), // until partitions that were added are used
	}
	if mechanism := kafkabus.Mechanism(c); mechanism != nil {
		w.options = append(w.options, kgo.SASL(mechanism))
	}
	client, err := kgo.NewClient(w.options...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	w.client.Store(client)
	return w, nil
}

// byName returns the versions of requests that call topics by their names, not by
// IDs: a client that knows a topic's ID never writes to the topic again once it
// was deleted and made anew.
func byName() *kversion.Versions {
	const metadata, last = 3, 9
	v := kversion.Stable()
	v.SetMaxKeyVersion(metadata, last)
	return v
}

// Write implements [kafkabus.Writer].
func (w *writer) Write(m kafkabus.Record) {
	r, _ := w.records.Get().(*record)
	r.set(m, &w.attributes)
	r.taken = w.wire.Began()
	w.client.Load().Produce(context.Background(), &r.client, r.promise)
}

// settle reports the outcome of a record.
func (w *writer) settle(r *record, err error) {
	if err == nil {
		r.message.Delivered(r.client.Partition, r.client.Offset)
	} else {
		fate := signalcast.FateUnknown
		if w.unwritten(r, err) {
			fate = signalcast.FateNotWritten
		}
		r.message.Failed(fate, w.explain(&r.message, err))
		if rejection(err) && w.wire.Began() == r.taken { // so it was not the record that was rejected
			w.startRenewing()
		}
	}
	if r.forget() {
		w.records.Put(r)
	}
}

const unassigned = -1

// unwritten reports whether the record is certainly not in Kafka, given that it
// failed with err.
func (w *writer) unwritten(r *record, err error) bool {
	now := w.wire.Began()
	if r.client.Partition == unassigned || now == r.taken {
		return true
	}
	// What a broker says about the content of a batch, it says instead of writing it.
	// An earlier attempt was another request.
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge),
		errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.PolicyViolation),
		errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.UnsupportedForMessageFormat):
		return now == r.taken+1
	default:
		return false
	}
}

// rejection reports whether err is a broker's answer that franz-go does not ask again after.
func rejection(err error) bool {
	var broker *kerr.Error
	return errors.As(err, &broker) && !broker.Retriable
}

func (w *writer) startRenewing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.renewing && w.ctx.Err() == nil {
		w.renewing = true
		w.running.Go(w.renew)
	}
}

// renew replaces the client if the brokers rejected it a producer ID: it asks no
// more then, and fails everything for good. What the old one has, it fails.
func (w *writer) renew() {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.renewing = false
	}()
	old := w.client.Load()
	if _, _, err := old.ProducerID(w.ctx); !rejection(err) {
		return // something else was rejected
	}
	const aSecond = 10 // no more of clients that are rejected again
	if backendkit.Pause(w.ctx, aSecond, 0) != nil {
		return
	}
	client, err := kgo.NewClient(w.options...)
	if err != nil {
		return // it is what the first one was made with
	}
	w.client.Store(client)
	_ = old.Flush(w.ctx)
	old.Close()
}

// Close implements [kafkabus.Writer].
func (w *writer) Close() {
	w.wire.Shut()
	w.mu.Lock()
	w.stop()
	w.mu.Unlock()
	w.running.Wait()
	w.client.Load().Close()
}

// explain turns the error of a record into what callers look for.
func (w *writer) explain(r *kafkabus.Record, err error) error {
	var broker *kerr.Error
	if errors.As(err, &broker) {
		err = kafkabus.Explain(broker.Code, err)
	}
	switch {
	case w.wire.IsShut():
		if broker == nil { // err tells no more than that the client is closed
			err = w.wire.Trouble()
		}
		return kafkabus.Closed(err)
	case errors.Is(err, kgo.ErrRecordTimeout), time.Since(r.Taken) >= w.timeout:
		return fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, err)
	default:
		return err
	}
}
