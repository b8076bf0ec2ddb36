//go:build integration

package scale_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/test/scale"
)

// placed is the data of the event.
type placed struct {
	Key  string `avro:"key"`
	Text []byte `avro:"text"`
}

// eventType returns the event type for the topic with an index. Each topic has its own, so that an event has one topic.
func eventType(i int) string { return fmt.Sprintf("org.example.order.placed%d.v1", i) }

// holder holds the clients of a child.
type holder struct {
	producers []*producer
	latencies latencies
	failed    atomic.Int64
	writes    atomic.Int64 // see countingConn
	ends      []func()
}

// producer is what a process that publishes events has: a registry, a dispatcher and a backend of its own.
type producer struct {
	registry   *signalcast.Registry
	dispatcher *signalcast.Dispatcher
	signals    []*signalcast.Signal[placed] // one for each topic
}

// latencies collects the times from accepting an event to its acknowledgement.
type latencies struct {
	mu  sync.Mutex
	all []float32 // seconds
}

func (l *latencies) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, float32(d.Seconds()))
}

// take returns the sorted latencies, and forgets them.
func (l *latencies) take() []float32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	slices.Sort(all)
	return all
}

func (h *holder) open(ctx context.Context, c clients) error {
	switch c.Kind {
	case "producers":
		return h.openProducers(ctx, c)
	case "consumers":
		return h.openConsumers(ctx, c)
	case "relays":
		return h.openRelays(ctx, c)
	default:
		return fmt.Errorf("unknown kind %q", c.Kind)
	}
}

// openProducers adds producers, all at the same moment, as at the start of a fleet.
func (h *holder) openProducers(ctx context.Context, c clients) error {
	opened := make([]*producer, c.N)
	faults := make([]error, c.N)
	var opening sync.WaitGroup
	for i := range c.N {
		opening.Go(func() { opened[i], faults[i] = h.newProducer(ctx, c) })
	}
	opening.Wait()
	h.producers = append(h.producers, opened...)
	return errors.Join(faults...)
}

func (h *holder) newProducer(ctx context.Context, c clients) (*producer, error) {
	backend, err := h.newBackend(c)
	if err != nil {
		return nil, err
	}
	p := &producer{registry: signalcast.NewRegistry()}
	config := signalcast.ProducerConfig{}
	for i, topic := range c.Topics {
		s := signalcast.NewSignal[placed](eventType(i))
		if err := p.registry.Register(s); err != nil {
			return nil, err
		}
		p.signals = append(p.signals, s)
		config[s.EventType()] = map[string]signalcast.TopicConfig{topic: {EventKeyField: new("key"), Enabled: new(true)}}
	}
	failed := func(*signalcast.DeliveryError) { h.failed.Add(1) }
	p.dispatcher, err = signalcast.NewDispatcher(ctx, p.registry, config, backend, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(m *signalcast.Message, _ signalcast.Receipt) { h.latencies.add(time.Since(m.Event.Time)) },
		Failed:    failed,
		Rejected:  failed,
	}))
	return p, err
}

func (h *holder) newBackend(c clients) (signalcast.Backend, error) {
	switch c.Bus {
	case scale.Redis:
		return redis.New(redis.Config{Addrs: c.Servers, MaxLen: 1000, Dial: h.dial, Pipelines: c.Pipelines})
	case scale.Kafka:
		return kafka.New(kafkaconfig.Config{Brokers: c.Servers, SchemaRegistry: c.Registry, SchemaTimeout: time.Minute})
	default:
		return franz.New(kafkaconfig.Config{Brokers: c.Servers, SchemaRegistry: c.Registry, SchemaTimeout: time.Minute})
	}
}

func (h *holder) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &countingConn{Conn: conn, writes: &h.writes}, err
}

// countingConn counts the requests to Redis that carry events: the transactions, and the XADDs outside of them.
type countingConn struct {
	net.Conn

	writes *atomic.Int64
	open   bool // within a transaction, whose end may be in a later write
}

func (c *countingConn) Write(b []byte) (int, error) {
	begins := bytes.HasPrefix(b, []byte("*1\r\n$5\r\nMULTI\r\n"))
	if begins || !c.open && bytes.Contains(b[:min(len(b), 16)], []byte("XADD")) {
		c.writes.Add(1)
	}
	c.open = (c.open || begins) && !bytes.HasSuffix(b, []byte("*1\r\n$4\r\nEXEC\r\n"))
	return c.Conn.Write(b)
}

// load sends events at random moments, from random producers to random topics, and waits for the acknowledgements.
func (h *holder) load(ctx context.Context, l load) (answer, error) {
	h.latencies.take()
	runtime.LockOSThread() // for precise pauses, for which its timers also need the least slack
	defer runtime.UnlockOSThread()
	const setTimerSlack = 29
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	began, sent := time.Now(), 0
	text := make([]byte, 100)
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("key", i)
	}
	for next := 0.0; ; sent++ {
		if l.Rate > 0 {
			next += rand.ExpFloat64() / l.Rate
			pauseUntil(began.Add(time.Duration(next * float64(time.Second))))
		}
		if time.Since(began).Seconds() > l.Seconds {
			break
		}
		p := h.producers[rand.N(len(h.producers))]
		event := placed{Key: keys[rand.N(len(keys))], Text: text}
		if _, err := p.signals[rand.N(len(p.signals))].SendAsync(ctx, p.registry, event); err != nil {
			return answer{}, err
		}
	}
	for _, p := range h.producers {
		if err := p.dispatcher.Flush(ctx); err != nil {
			return answer{}, err
		}
	}
	a := answer{Seconds: time.Since(began).Seconds(), Failed: int(h.failed.Load())}
	if all := h.latencies.take(); len(all) > 0 {
		sum := 0.0
		for _, one := range all {
			sum += float64(one)
		}
		a.Events, a.Mean = len(all), sum/float64(len(all))
		a.Median, a.P99 = float64(all[len(all)/2]), float64(all[len(all)*99/100])
		for i := range scale.Quantiles {
			const digits = 1e6
			q := float64(all[len(all)*(2*i+1)/(2*scale.Quantiles)])
			a.Quantiles = append(a.Quantiles, math.Round(q*digits)/digits)
		}
	}
	if a.Events != sent || a.Failed > 0 {
		return a, fmt.Errorf("found %d of %d events delivered and %d failed", a.Events, sent, a.Failed)
	}
	return a, nil
}

// pauseUntil blocks the thread. A timer of the Go runtime is up to a millisecond late while the process is idle, so events would be sent
// in groups.
func pauseUntil(at time.Time) {
	if wait := time.Until(at); wait > 0 {
		of := syscall.NsecToTimespec(wait.Nanoseconds())
		_ = syscall.Nanosleep(&of, nil)
	}
}

func (h *holder) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var closing sync.WaitGroup
	for _, p := range h.producers {
		closing.Go(func() { _ = p.dispatcher.Close(ctx) })
	}
	closing.Wait()
	for _, end := range h.ends {
		end()
	}
}
