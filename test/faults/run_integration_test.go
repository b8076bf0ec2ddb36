//go:build integration

package faults_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/test/faults"
)

const (
	keys           = 8
	bufferMessages = 10_000
	bufferBytes    = 16 << 20
	heapLimit      = bufferBytes + bufferBytes/4 // a quarter more than the buffer, for events in the dispatcher
	readTimeout    = 2 * time.Second
	dialTimeout    = time.Second
	delivery       = 60 * time.Second
	closeDeadline  = time.Second
	largeEvery     = 500
)

// target is a backend with the servers that it writes to.
type target struct {
	name    string
	open    func(testing.TB) backend
	read    func(t testing.TB, topic string) []signalcast.UUID
	proxies []*faults.Proxy
	// allowed returns how many duplicates a scenario may cause.
	allowed func(b backend, s scenario) (atMost int)
}

// backend is a Backend that reports its unacknowledged messages.
type backend interface {
	signalcast.Backend
	Unacknowledged() int
}

// scenario is a fault that occurs while events are sent.
type scenario struct {
	name, fault string
	// before, unless nil, is called before the backend is opened.
	before func()
	// inject causes the fault. If heal is nil, it also ends the fault.
	inject func(topic string) error
	// heal, unless nil, ends the fault after Close has returned.
	heal func()
	// load and rate, unless 0, replace the time for which events are sent and the rates of the suite.
	load time.Duration
	rate int
	// interrupts reports whether acknowledgements can be lost.
	interrupts bool
	// forgets reports whether the server can lose the last events it acknowledged.
	forgets bool
	// largeBytes is the size of every 500th event. 0 means that all have the same size.
	largeBytes int
	// short reports whether the scenario is part of the short suite.
	short bool
}

type numbered struct {
	Key    string `json:"key"`
	Number int64  `json:"number"`
	Text   []byte `json:"text"`
}

// result is one row of a table.
type result struct {
	faults.Counts

	fault    string
	rate     int
	allowed  int           // the largest allowed number of duplicates
	longest  time.Duration // the longest wait for room
	peak     uint64        // the largest growth of the heap in bytes
	took     time.Duration
	silent   time.Duration // the longest time between two deliveries
	problems []string
}

func (o *result) require(holds bool, format string, args ...any) {
	if !holds {
		o.problems = append(o.problems, fmt.Sprintf(format, args...))
	}
}

// run sends events for the time load, at rate events per second, while the fault
// occurs. It compares the fates of all events with the stored events.
func (p *target) run(t *testing.T, s scenario, topic string, rate int, load time.Duration) result {
	t.Helper()
	o := result{fault: s.fault, rate: rate}
	events := int(load.Seconds() * float64(rate))
	account := faults.NewAccount(events, keys)
	goroutines := runtime.NumGoroutine()

	var lastID atomic.Uint64
	happened := signalcast.NewSignal[numbered]("org.example.number.counted.v1")
	registry := newRegistry(t, happened, &lastID)
	enabled, key := true, "key"
	config := signalcast.ProducerConfig{happened.EventType(): {topic: {Enabled: &enabled, EventKeyField: &key}}}

	if s.before != nil {
		s.before()
	}
	large := make([]byte, s.largeBytes)
	b := p.open(t)
	var silence silence
	failed := func(err *signalcast.DeliveryError) { account.Failed(number(err.Message.Event.ID), err.Fate) }
	d, err := signalcast.NewDispatcher(t.Context(), registry, config, b, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(m *signalcast.Message, _ signalcast.Receipt) {
			silence.end()
			account.Delivered(number(m.Event.ID))
		},
		Failed:   failed,
		Rejected: failed,
	}))
	require.NoError(t, err)
	lastID.Store(0) // NewDispatcher has used an ID

	stopWatching := watch(d)
	injected := make(chan error, 1)
	go func() {
		<-time.After(load / 4)
		injected <- s.inject(topic)
	}()
	sending := t.Context()
	if s.heal != nil { // senders must not wait for room without end
		ctx, cancel := context.WithTimeout(sending, load)
		defer cancel()
		sending = ctx
	}
	began := time.Now()
	o.longest = send(events, rate, large, func(event numbered) {
		_, _ = happened.SendAsync(sending, registry, event) // the hooks record the fate
	})
	require.NoError(t, <-injected)

	if s.heal == nil {
		ctx, cancel := context.WithTimeout(t.Context(), delivery+readTimeout+dialTimeout)
		defer cancel()
		o.require(d.Flush(ctx) == nil, "found Flush waiting after the fault; want it to return")
	}
	o.took = time.Since(began)
	o.silent = silence.atMost()
	ctx, cancel := context.WithTimeout(t.Context(), closeDeadline)
	defer cancel()
	closing := time.Now()
	_ = d.Close(ctx) // the account has the messages that its error counts
	o.require(time.Since(closing) < closeDeadline+time.Second,
		"found Close returning after %v; want less than %v", time.Since(closing), closeDeadline+time.Second)
	if s.heal != nil {
		s.heal()
	}
	var broken string
	o.peak, broken = stopWatching()
	o.require(broken == "", "%s", broken)
	awaitEnd(t, &o, goroutines, p.proxies...)

	ids := p.read(t, topic)
	stored := make([]int, len(ids))
	for i, id := range ids {
		stored[i] = number(id)
	}
	o.Counts = account.Compare(stored)
	o.require(o.Missing == 0 || s.forgets && o.Gaps == 1, "found %d delivered events that are not stored", o.Missing)
	o.check(d.Stats(), b.Unacknowledged())
	limit := heapLimit + 3*s.largeBytes // the event, its encoded form, and one that was dropped while the collector was marking
	o.require(o.peak <= uint64(limit), "found the heap grown by %d MiB; want at most %d MiB", o.peak>>20, limit>>20)
	if s.heal == nil {
		rejected := 0
		if s.largeBytes > 0 {
			rejected = (events + largeEvery - 1) / largeEvery
		}
		o.require(o.Delivered == events-rejected, "found %d events not delivered after the fault", events-rejected-o.Delivered)
	}
	o.allowed = p.allowed(b, s)
	o.require(o.Duplicates <= o.allowed, "found %d duplicates; want at most %d", o.Duplicates, o.allowed)
	return o
}

// send calls sendEvent rate times per second, or without a pause when it is late.
// It returns the duration of the slowest call. If large is not empty, it is the
// text of every 500th event.
func send(events, rate int, large []byte, sendEvent func(numbered)) (longest time.Duration) {
	small := make([]byte, 100)
	began := time.Now()
	for n := range events {
		if ahead := time.Until(began.Add(time.Duration(n) * time.Second / time.Duration(rate))); ahead > time.Millisecond {
			<-time.After(ahead)
		}
		event := numbered{Key: fmt.Sprint("key", n%keys), Number: int64(n), Text: small}
		if len(large) > 0 && n%largeEvery == 0 {
			event.Text = large
		}
		sent := time.Now()
		sendEvent(event)
		longest = max(longest, time.Since(sent))
	}
	return longest
}

// awaitEnd waits until the connections through the proxies and the goroutines of the backend have ended.
func awaitEnd(t *testing.T, o *result, goroutines int, proxies ...*faults.Proxy) {
	t.Helper()
	ended := func() bool {
		for _, proxy := range proxies {
			if proxy.Links() > 0 {
				return false
			}
		}
		return runtime.NumGoroutine() <= goroutines
	}
	patience := time.After(5 * time.Second)
	for !ended() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-patience:
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
			o.require(false, "found %d goroutines after Close; want 0", runtime.NumGoroutine()-goroutines)
			return
		}
	}
}

// check checks the requirements that are the same for all backends.
func (o *result) check(stats signalcast.Stats, unacknowledged int) {
	o.require(o.NoFate == 0, "found %d events without a fate", o.NoFate)
	o.require(o.Repeated == 0, "found %d events with more than one fate", o.Repeated)
	o.require(o.Untrue == 0, "found %d stored events that were reported as not written", o.Untrue)
	o.require(o.OutOfOrder == 0, "found %d events out of order", o.OutOfOrder)
	o.require(o.NotSent == 0, "found %d stored events that were never sent", o.NotSent)
	o.require(stats.Pending == 0 && unacknowledged == 0, "found %d messages pending and %d unacknowledged after Close; want 0", stats.Pending, unacknowledged)
	o.require(int(stats.Delivered) == o.Delivered && int(stats.Failed+stats.Rejected) == o.NotWritten+o.Unknown,
		"found counters %+v; want those of the hooks", stats)
}

// newRegistry returns a registry with a signal. The IDs of events are the numbers after lastID.
func newRegistry(t *testing.T, happened *signalcast.Signal[numbered], lastID *atomic.Uint64) *signalcast.Registry {
	t.Helper()
	registry := signalcast.NewRegistry(signalcast.WithIDs(func() signalcast.UUID {
		var id signalcast.UUID
		binary.BigEndian.PutUint64(id[8:], lastID.Add(1))
		return id
	}))
	require.NoError(t, registry.Register(happened))
	return registry
}

// number returns the number of the event with an ID of newRegistry.
func number(id signalcast.UUID) int {
	return int(binary.BigEndian.Uint64(id[8:])) - 1 // IDs start at 1
}

// watch samples the counters and the heap every 10 ms until stop is called. stop
// returns the largest growth of the heap in bytes, and the samples whose counters
// do not add up.
func watch(d *signalcast.Dispatcher) (stop func() (peak uint64, broken string)) {
	const live = "/gc/heap/live:bytes"
	heap := func() uint64 {
		sample := []metrics.Sample{{Name: live}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	start := heap()
	ending, ended := make(chan struct{}), make(chan struct{})
	var peak uint64
	var broken strings.Builder
	go func() {
		defer close(ended)
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		var last signalcast.Stats
		for {
			select {
			case <-ending:
				return
			case <-ticker.C:
			}
			peak = max(peak, heap())
			s := d.Stats()
			if s.Accepted != s.Delivered+s.Failed+s.Pending || s.Pending < 0 || s.Pending > bufferMessages ||
				s.Accepted < last.Accepted || s.Delivered < last.Delivered || s.Failed < last.Failed {
				fmt.Fprintf(&broken, "found counters %+v after %+v; ", s, last)
			}
			last = s
		}
	}()
	return func() (uint64, string) {
		close(ending)
		<-ended
		return max(peak, start) - start, broken.String()
	}
}
