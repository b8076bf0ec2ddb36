package franz

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// writer is a thin layer over the producer of franz-go.
type writer struct {
	options        []kgo.Opt
	client         atomic.Pointer[kgo.Client]
	timeout        time.Duration
	requestTimeout time.Duration
	maxBytes       int32
	wire           *kafkabus.Wire
	troubles       *backendkit.Troubles

	// running counts the goroutines, which end when stop ends ctx.
	ctx      context.Context //nolint:containedctx // the life of the goroutines
	stop     context.CancelFunc
	running  sync.WaitGroup
	calls    sync.WaitGroup // requests that may outlast their context, until the client is closed
	mu       sync.RWMutex   // guards renewing, topics, and starting goroutines
	renewing bool
	topics   map[string]*topic
	limits   sync.Map // of the size of batches in bytes, an int32, by topic
	causes   sync.Map // for which records are slow, an error, by topic

	deadlines *deadlines
	commons   sync.Map  // of *common, by event type
	records   sync.Pool // of *record without a message
}

func newWriter(c kafkabus.Config, troubles *backendkit.Troubles) (*writer, error) {
	w := &writer{
		timeout: c.DeliveryTimeout, requestTimeout: c.RequestTimeout, maxBytes: int32(c.MaxMessageBytes), //nolint:gosec // checked to be small
		wire: kafkabus.NewWire(c), troubles: troubles, topics: map[string]*topic{},
	}
	w.deadlines = &deadlines{timeout: c.DeliveryTimeout, failed: map[string]bool{}, expire: w.expire, start: time.Now()}
	w.records.New = func() any { return newRecord(w.complete) }
	w.ctx, w.stop = context.WithCancel(context.Background())
	w.options = []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(c.ClientID),
		kgo.Dialer(w.wire.Dial),
		kgo.WithLogger(newLogger(troubles.Log())),
		// Both together bound the wait for a response.
		kgo.ProduceRequestTimeout(c.RequestTimeout / 2),
		kgo.RequestTimeoutOverhead(c.RequestTimeout / 2),
		kgo.DisableClientMetrics(),
		kgo.MaxVersions(byName()),

		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
			return func(r *kgo.Record, partitions int) int { return kafkabus.Partition(r.Key, partitions) }
		})),
		kgo.ProducerBatchMaxBytesFn(w.limitOf),
		kgo.ProducerBatchCompression(codec(c.Compression)),
		kgo.ProducerLinger(0), // records that wait for the request in flight are the next batch
		kgo.AllowAutoTopicCreation(),
		// The bus has the bound.
		kgo.MaxBufferedRecords(math.MaxInt),
		// Records are retried until the delivery timeout and fail then, also if an
		// acknowledgement is missing.
		kgo.UnknownTopicRetries(-1),
		kgo.RecordDeliveryTimeout(c.DeliveryTimeout),
		kgo.AllowIdempotentProduceCancellation(),
		kgo.AlwaysRetryEOF(),
		kgo.RetryBackoffFn(backendkit.Backoff),
		kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.MetadataMaxAge(c.MetadataMaxAge),
	}
	if mechanism := kafkabus.Mechanism(c); mechanism != nil {
		w.options = append(w.options, kgo.SASL(mechanism))
	}
	client, err := kgo.NewClient(w.options...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	w.client.Store(client)
	w.running.Go(w.watch)
	return w, nil
}

// codec returns the codec of a checked Config.Compression.
func codec(name string) kgo.CompressionCodec {
	switch name {
	case kafkaconfig.CompressionGzip:
		return kgo.GzipCompression()
	case kafkaconfig.CompressionSnappy:
		return kgo.SnappyCompression()
	case kafkaconfig.CompressionLZ4:
		return kgo.Lz4Compression()
	case kafkaconfig.CompressionZstd:
		return kgo.ZstdCompression()
	default:
		return kgo.NoCompression()
	}
}

// byName returns the versions of requests that identify topics by name, not by ID. A client that
// knows the ID of a topic cannot write to it after the topic was deleted and created again.
func byName() *kversion.Versions {
	const metadata, last = 3, 9
	v := kversion.Stable()
	v.SetMaxKeyVersion(metadata, last)
	return v
}

// Write implements [kafkabus.Writer].
func (w *writer) Write(m kafkabus.Record) {
	r, _ := w.records.Get().(*record)
	r.set(m, w.commonOf(m.Message.Event))
	w.deadlines.add(r)
	w.mu.RLock()
	if t := w.topics[r.client.Topic]; t != nil && t.open {
		w.produce(t, r)
		w.mu.RUnlock()
		return
	}
	w.mu.RUnlock()
	w.hold(r)
}

// commonOf returns what the headers of an event have in common with those of its type.
func (w *writer) commonOf(e *signalcast.Envelope) *common {
	if known, ok := w.commons.Load(e.EventType); ok {
		if c := known.(*common); c.attributes.Equal(e) { //nolint:forcetypeassert // the only type
			return c
		}
	}
	c := newCommon(e)
	w.commons.Store(e.EventType, c)
	return c
}

// expire fails a record that timed out. If held is true, no client has it.
func (w *writer) expire(r kafkabus.Record, held bool) {
	fate, cause := signalcast.FateUnknown, w.causeOf(r.Message.Topic, w.wire.NoResponse(errNoResponse))
	if held {
		fate = signalcast.FateNotWritten
		w.mu.RLock()
		if t := w.topics[r.Message.Topic]; t.cause != nil {
			cause = t.cause
		}
		w.mu.RUnlock()
	}
	r.Failed(fate, fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, cause))
}

// complete reports the outcome of a record.
func (w *writer) complete(r *record, err error) {
	if err != nil && w.giveBack(r, err) {
		return
	}
	switch {
	case !w.deadlines.remove(r):
		return // its message may still be read
	case err == nil:
		r.message.Delivered(r.client.Partition, r.client.Offset)
	default:
		w.deadlines.noteFailure(r.client.Topic)
		fate := signalcast.FateUnknown
		if w.certainlyNotWritten(r, err) {
			fate = signalcast.FateNotWritten
		}
		r.message.Failed(fate, w.explain(&r.message, err))
		if permanent(err) && w.wire.Requests() == r.before { // the broker did not reject the record
			w.startRenewing()
		}
	}
	w.recycle(r)
}

// recycle keeps a record for another message.
func (w *writer) recycle(r *record) {
	if r.clear() {
		w.records.Put(r)
	}
}

const unassigned = -1

// certainlyNotWritten reports whether a record that failed with err is certainly not in Kafka: no
// produce request was sent while the client had it.
func (w *writer) certainlyNotWritten(r *record, err error) bool {
	now := w.wire.Requests()
	if r.client.Partition == unassigned || now == r.before {
		return true
	}
	// A broker that rejects the content of a batch has not written it. If there was only one
	// request, no earlier attempt can have written it.
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.RecordListTooLarge),
		errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.PolicyViolation),
		errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.UnsupportedForMessageFormat):
		return now == r.before+1
	default:
		return false
	}
}

// permanent reports whether a broker replied with an error that franz-go does not retry.
func permanent(err error) bool {
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

// renew replaces the client if the brokers rejected its request for a producer ID. Such a client
// does not ask again and fails all records. The records of the old client fail.
func (w *writer) renew() {
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.renewing = false
	}()
	old := w.client.Load()
	if _, _, err := old.ProducerID(w.ctx); !permanent(err) {
		return // another request was rejected
	}
	const longest = 10 // failures; the pause is up to 1 s, since the next client may be rejected too
	if backendkit.Pause(w.ctx, longest, 0) != nil {
		return
	}
	client, err := kgo.NewClient(w.options...)
	if err != nil {
		return // not possible: the first client had the same options
	}
	w.client.Store(client)
	_ = old.Flush(w.ctx)
	old.Close()
}

// Close implements [kafkabus.Writer].
func (w *writer) Close() {
	w.wire.Stop()
	w.mu.Lock()
	w.stop()
	w.mu.Unlock()
	w.running.Wait()
	w.client.Load().Close()
	for _, t := range w.topics {
		if t.client != nil {
			t.client.Close()
		}
	}
	w.calls.Wait()
	w.failHeld()
	w.deadlines.close()
}

// explain wraps the error of a record in the sentinel for its class.
func (w *writer) explain(r *kafkabus.Record, err error) error {
	err = classify(err)
	switch {
	case w.wire.Stopped():
		if _, known := errors.AsType[*kerr.Error](err); !known { // err only says that the client is closed
			err = w.wire.DialErr()
		}
		return kafkabus.Closed(err)
	case errors.Is(err, kgo.ErrRecordTimeout):
		return fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, w.causeOf(r.Message.Topic, err))
	case temporary(err), time.Since(r.Accepted) >= w.timeout:
		return fmt.Errorf("%w: %w", signalcast.ErrDeliveryTimeout, err)
	default:
		return err
	}
}

// classify wraps an error of a broker in the sentinel for its class.
func classify(err error) error {
	if broker, ok := errors.AsType[*kerr.Error](err); ok {
		return kafkabus.Explain(broker.Code, err)
	}
	return err
}

// temporary reports whether franz-go retries err until a delivery timeout: of the record, or of an
// older one of its partition, which fails those behind it too.
func temporary(err error) bool {
	var dial *kafkabus.DialError
	return errors.Is(err, io.EOF) || errors.As(err, &dial) && !isUntrusted(err)
}

// isUntrusted reports whether the certificate of a server is not trusted.
func isUntrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}
