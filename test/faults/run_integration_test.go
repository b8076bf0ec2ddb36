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
	heapLimit      = bufferBytes + bufferBytes/4 // what is on its way through the dispatcher comes on top
	readTimeout    = 2 * time.Second
	dialTimeout    = time.Second
	delivery       = 60 * time.Second
	closeDeadline  = time.Second // where the fault lasts
	largeEvery     = 500
)

// place is a backend and the servers that it writes to.
type place struct {
	name    string
	open    func(testing.TB) backend
	read    func(t testing.TB, topic string) []signalcast.UUID
	proxies []*faults.Proxy
	// copies returns how many duplicates a scenario may have left.
	copies func(b backend, s scenario) (atMost int)
}

// backend is what the suite needs of a backend.
type backend interface {
	signalcast.Backend
	Unacknowledged() int
}

// scenario is a fault that happens while events are sent.
type scenario struct {
	name, fault string
	// before is called before anything else. Nil means nothing.
	before func()
	// inject brings the fault about and, unless it lasts, ends it.
	inject func(topic string) error
	// heal ends a fault that lasts, when Close has reached its deadline. Nil
	// means that the fault does not last.
	heal func()
	// interrupts says that acknowledgements are lost.
	interrupts bool
	// forgets says that the server may forget the last that it has acknowledged.
	forgets bool
	// largeBytes is the size of every 500th event. 0 means that of the others.
	largeBytes int
	// short scenarios belong to the short version of the suite.
	short bool
}

type numbered struct {
	Key    string `json:"key"`
	Number int64  `json:"number"`
	Text   []byte `json:"text"`
}

// outcome is one row of the table.
type outcome struct {
	faults.Counts

	fault    string
	rate     int
	copies   int           // duplicates that are allowed
	longest  time.Duration // wait of the sender for room
	peak     uint64        // of the heap, in bytes
	took     time.Duration
	problems []string
}

func (o *outcome) require(holds bool, format string, args ...any) {
	if !holds {
		o.problems = append(o.problems, fmt.Sprintf(format, args...))
	}
}

// run sends events at a rate, in events per second, for a while, lets the fault
// happen meanwhile, and accounts for every event.
func (p *place) run(t *testing.T, s scenario, topic string, rate int, load time.Duration) outcome {
	t.Helper()
	o := outcome{fault: s.fault, rate: rate}
	events := int(load.Seconds() * float64(rate))
	account := faults.NewAccount(events, keys)
	goroutines := runtime.NumGoroutine()

	var next atomic.Uint64
	happened := signalcast.NewSignal[numbered]("org.example.number.counted.v1")
	registry := signalcast.NewRegistry(signalcast.WithIDs(func() signalcast.UUID {
		var id signalcast.UUID
		binary.BigEndian.PutUint64(id[8:], next.Add(1))
		return id
	}))
	require.NoError(t, registry.Register(happened))
	enabled, key := true, "key"
	config := signalcast.ProducerConfig{happened.EventType(): {topic: {Enabled: &enabled, EventKeyField: &key}}}

	if s.before != nil {
		s.before()
	}
	large := make([]byte, s.largeBytes)
	b := p.open(t)
	d, err := signalcast.NewDispatcher(t.Context(), registry, config, b, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(m *signalcast.Message, _ signalcast.Receipt) { account.Delivered(number(m.Event.ID)) },
		Failed:    func(err *signalcast.DeliveryError) { account.Failed(number(err.Message.Event.ID), err.Fate) },
	}))
	require.NoError(t, err)
	next.Store(0) // the dispatcher has tried the registry's IDs

	watched := watch(d)
	injected := make(chan error, 1)
	go func() {
		<-time.After(load / 4)
		injected <- s.inject(topic)
	}()
	sending := t.Context()
	if s.heal != nil { // nobody waits for room for ever
		ctx, cancel := context.WithTimeout(sending, load)
		defer cancel()
		sending = ctx
	}
	began := time.Now()
	o.longest = send(events, rate, large, func(event numbered) {
		_, _ = happened.SendAsync(sending, registry, event) // the hooks hear of every fate
	})
	require.NoError(t, <-injected)

	if s.heal == nil {
		ctx, cancel := context.WithTimeout(t.Context(), delivery+readTimeout+dialTimeout)
		defer cancel()
		o.require(d.Flush(ctx) == nil, "flush did not end")
	}
	o.took = time.Since(began)
	ctx, cancel := context.WithTimeout(t.Context(), closeDeadline)
	defer cancel()
	closing := time.Now()
	_ = d.Close(ctx) // its error says that messages were left, which the account knows
	o.require(time.Since(closing) < closeDeadline+time.Second, "close with %v took %v", closeDeadline, time.Since(closing))
	if s.heal != nil {
		s.heal()
	}
	var broken string
	o.peak, broken = watched()
	o.require(broken == "", "%s", broken)
	p.settle(t, &o, goroutines)

	ids := p.read(t, topic)
	stored := make([]int, len(ids))
	for i, id := range ids {
		stored[i] = number(id)
	}
	o.Counts = account.Settle(stored)
	o.require(o.Missing == 0 || s.forgets && o.Gaps == 1, "%d acknowledged events are missing", o.Missing)
	o.judge(d.Stats(), b.Unacknowledged())
	o.require(o.peak <= uint64(heapLimit+2*s.largeBytes), "the heap grew by %d MiB", o.peak>>20)
	if s.heal == nil {
		refused := 0
		if s.largeBytes > 0 {
			refused = (events + largeEvery - 1) / largeEvery
		}
		o.require(o.Delivered == events-refused, "%d events were not delivered when all was well again", events-refused-o.Delivered)
	}
	o.copies = p.copies(b, s)
	o.require(o.Duplicates <= o.copies, "only %d duplicates are explained by lost acknowledgements", o.copies)
	return o
}

// send gives events to take at a rate, or as fast as it can when it is behind,
// and returns how long the slowest took. Every 500th has the text large, unless
// that is empty.
func send(events, rate int, large []byte, take func(numbered)) (longest time.Duration) {
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
		take(event)
		longest = max(longest, time.Since(sent))
	}
	return longest
}

// settle waits until the connections and the goroutines of the backend are gone.
func (p *place) settle(t *testing.T, o *outcome, goroutines int) {
	t.Helper()
	gone := func() bool {
		for _, proxy := range p.proxies {
			if proxy.Links() > 0 {
				return false
			}
		}
		return runtime.NumGoroutine() <= goroutines
	}
	patience := time.After(5 * time.Second)
	for !gone() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-patience:
			stacks := make([]byte, 1<<20)
			t.Logf("%s", stacks[:runtime.Stack(stacks, true)])
			o.require(false, "%d goroutines are left", runtime.NumGoroutine()-goroutines)
			return
		}
	}
}

// judge checks the requirements that are the same for all backends.
func (o *outcome) judge(stats signalcast.Stats, unacknowledged int) {
	o.require(o.Fateless == 0, "%d events have no fate", o.Fateless)
	o.require(o.Repeated == 0, "%d events have more than one fate", o.Repeated)
	o.require(o.Untrue == 0, "%d events are there that were not written", o.Untrue)
	o.require(o.OutOfOrder == 0, "%d events are out of order", o.OutOfOrder)
	o.require(o.Strangers == 0, "%d events are there that nobody sent", o.Strangers)
	o.require(stats.Pending == 0 && unacknowledged == 0, "%d messages pending and %d unacknowledged after close", stats.Pending, unacknowledged)
	o.require(int(stats.Delivered) == o.Delivered && int(stats.Failed+stats.Rejected) == o.NotWritten+o.Unknown,
		"the counters say %+v", stats)
}

func number(id signalcast.UUID) int {
	return int(binary.BigEndian.Uint64(id[8:])) - 1 // the ID 0 is none
}

// watch looks at the ledger and the heap until the function that it returns is
// called. That returns by how many bytes the heap in use has grown at most, and
// what was wrong with the ledger.
func watch(d *signalcast.Dispatcher) (result func() (peak uint64, broken string)) {
	const live = "/gc/heap/live:bytes"
	heap := func() uint64 {
		sample := []metrics.Sample{{Name: live}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	start := heap()
	stop, stopped := make(chan struct{}), make(chan struct{})
	var peak uint64
	var broken strings.Builder
	go func() {
		defer close(stopped)
		look := time.NewTicker(10 * time.Millisecond)
		defer look.Stop()
		var last signalcast.Stats
		for {
			select {
			case <-stop:
				return
			case <-look.C:
			}
			peak = max(peak, heap())
			s := d.Stats()
			if s.Accepted != s.Delivered+s.Failed+s.Pending || s.Pending < 0 || s.Pending > bufferMessages ||
				s.Accepted < last.Accepted || s.Delivered < last.Delivered || s.Failed < last.Failed {
				fmt.Fprintf(&broken, "the ledger says %+v after %+v; ", s, last)
			}
			last = s
		}
	}()
	return func() (uint64, string) {
		close(stop)
		<-stopped
		return max(peak, start) - start, broken.String()
	}
}
