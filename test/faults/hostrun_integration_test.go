//go:build integration

package faults_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/memory"
	"github.com/signalcast/signalcast/test/faults"
)

// hostResult is one row of a table.
type hostResult struct {
	result

	client    string
	recovered time.Duration // from the end of the fault until the next delivery
	consumed  bool          // whether a consumer ran
	handled   faults.Counts // the result of comparing the fates with the handled events instead of the stored ones
	// healthyBefore and healthyDuring are the latencies of messages to healthy servers before and during the fault.
	healthyBefore, healthyDuring latency
	texts                        *operatorTexts
}

// hostRun is one scenario with one target.
type hostRun struct {
	hostTarget

	t        *testing.T
	scenario hostScenario
	topic    string
	happened *signalcast.Signal[numbered]
	config   signalcast.ProducerConfig
	account  *faults.Account
	silence  silence
	texts    *operatorTexts
	consumer *consume.Consumer // or nil
	lastID   atomic.Uint64
	// begin and end are the times of the fault. They are set when inject has sent its result.
	begin, end time.Time
	// sent counts the events, and sentBeforeEnd those until the end of the fault. lastFailed is the largest number of an event that failed.
	sent, sentBeforeEnd, lastFailed atomic.Int64
}

func newHostRun(t *testing.T, p hostTarget, s hostScenario, topic string) *hostRun {
	t.Helper()
	r := &hostRun{
		hostTarget: p, t: t, scenario: s, topic: topic, account: faults.NewAccount(int(longestLoad.Seconds())*s.rate, keys),
		happened: signalcast.NewSignal[numbered]("org.example.number.counted.v1"), texts: new(operatorTexts),
	}
	route := signalcast.TopicConfig{Enabled: new(true), EventKeyField: new("key")}
	if p.relays {
		route.Mode = new(signalcast.ModeOutbox)
	}
	r.config = signalcast.ProducerConfig{r.happened.EventType(): {topic: route}}
	return r
}

// run sends, relays and consumes events while the fault occurs, and checks the requirements.
func (p hostTarget) run(t *testing.T, s hostScenario, topic string) (o hostResult) {
	t.Helper()
	if s.rate == 0 {
		s.rate = 400
	}
	if s.before != nil {
		require.NoError(t, s.before(topic))
	}
	r := newHostRun(t, p.replaced(s), s, topic)
	o = hostResult{client: p.client, texts: r.texts, result: result{fault: s.fault, rate: s.rate}}

	goroutines := runtime.NumGoroutine()
	b := r.open(t)
	stopConsumer := r.consume()
	d, sender := r.sender(b)
	stopWatching := watch(d)
	stopTexts := r.texts.watch(d, r.consumer)
	stopBystander := startBystander(b, p.healthy)
	injected := r.inject()
	began := time.Now()
	sent := r.sendUntil(injected, &o, sender)
	require.NoError(t, <-injected)
	ctx, cancel := context.WithTimeout(t.Context(), 2*delivery+30*time.Second)
	defer cancel()
	o.require(sender.wait(ctx) == nil, "found events waiting after the fault; want all of them to have a fate")
	o.took = time.Since(began)
	o.silent, o.recovered = r.silence.atMost(), r.silence.afterFault()
	samples := stopBystander()
	o.healthyBefore, o.healthyDuring = samples.between(time.Time{}, r.begin.Add(-time.Second)), samples.between(r.begin, r.end)
	o.require(samples.failed == 0, "found %d failed messages to healthy servers", samples.failed)
	stopTexts()
	handled := stopConsumer(&o)
	var broken string
	o.peak, broken = stopWatching()
	o.require(broken == "", "%s", broken)
	closing, cancelClosing := context.WithTimeout(t.Context(), closeDeadline)
	defer cancelClosing()
	_ = d.Close(closing)
	awaitEnd(t, &o.result, goroutines)
	r.account.Shorten(sent)
	r.compare(&o, b, handled)
	if !p.relays {
		o.check(d.Stats(), b.Unacknowledged())
	}
	return o
}

// replaced returns the target with what a scenario replaces.
func (p hostTarget) replaced(s hostScenario) hostTarget {
	if s.open != nil {
		p.open = s.open
	}
	if s.read != nil {
		p.read = s.read
	}
	if s.source != nil {
		p.source = s.source
	}
	return p
}

// inject causes the fault after a quarter of the load. It returns a channel that receives the result when the fault has ended.
func (r *hostRun) inject() <-chan error {
	injected := make(chan error, 1)
	go func() {
		<-time.After(r.scenario.load / 4)
		r.begin = time.Now()
		err := r.scenario.inject(r.topic)
		r.end = time.Now()
		r.sentBeforeEnd.Store(r.sent.Load())
		r.silence.heal()
		injected <- err
	}()
	return injected
}

// sendUntil sends events until both the load and the fault have ended. It returns their number.
func (r *hostRun) sendUntil(injected <-chan error, o *hostResult, to hostSender) (sent int) {
	r.t.Helper()
	for began := time.Now(); time.Since(began) < r.scenario.load || len(injected) == 0; {
		require.Less(r.t, time.Since(began), longestLoad, "the fault does not end")
		chunk := r.scenario.rate / 10 // for a tenth of a second
		longest := send(chunk, r.scenario.rate, nil, func(event numbered) {
			n := sent + int(event.Number)
			r.sent.Add(1)
			to.send(numbered{Key: fmt.Sprint("key", n%keys), Number: int64(n), Text: event.Text})
		})
		sent += chunk
		o.longest = max(o.longest, longest)
	}
	return sent
}

// consumerHeap is what the consumer may add to the heap: messages that it fetched after an outage, and the numbers of handled events.
const consumerHeap = 64 << 20

// An event that is sent more than grace after the end of the fault must not fail.
const grace = 2 * time.Second

// noteFailure sets lastFailed to n unless it is larger.
func (r *hostRun) noteFailure(n int) {
	for {
		last := r.lastFailed.Load()
		if int64(n) <= last || r.lastFailed.CompareAndSwap(last, int64(n)) {
			return
		}
	}
}

// longestLoad is the longest time for which events are sent, even if the fault does not end.
const longestLoad = 10 * time.Minute

// compare compares the reported fates with what is stored and what was handled.
func (r *hostRun) compare(o *hostResult, b backend, handled []int) {
	r.t.Helper()
	var stored []int
	for _, id := range r.read(r.t, r.topic) {
		stored = append(stored, number(id))
	}
	o.Counts = r.account.Compare(stored)
	o.require(o.Missing == 0 || r.scenario.loses, "found %d delivered events that are not stored", o.Missing)
	o.require(o.OutOfOrder == 0, "found %d events out of order", o.OutOfOrder)
	o.require(o.Delivered == o.Events || r.scenario.denies && (r.scenario.unknown || o.Unknown == 0), "found %d events not delivered after the fault", o.Events-o.Delivered)
	late := r.lastFailed.Load() - r.sentBeforeEnd.Load() // in events
	o.require(late < int64(grace.Seconds()*float64(r.scenario.rate)), "found an event failing that was sent %d events after the fault", late)
	o.allowed = r.allowed(b)
	o.require(o.Duplicates <= o.allowed, "found %d duplicates; want at most %d", o.Duplicates, o.allowed)
	limit := uint64(heapLimit)
	if o.consumed {
		limit += consumerHeap
	}
	o.require(o.peak <= limit, "found the heap grown by %d MiB; want at most %d MiB", o.peak>>20, limit>>20)
	if o.consumed {
		o.handled = r.account.Compare(handled)
		o.require(o.handled.Stored >= o.Stored, "found %d stored events that were not handled", o.Stored-o.handled.Stored)
		o.require(o.handled.OutOfOrder == 0 || r.scenario.movesKeys, "found %d events handled out of order", o.handled.OutOfOrder)
	}
}

// hostSender sends events, directly or through an outbox. wait returns when each event has a fate.
type hostSender struct {
	send func(numbered)
	wait func(context.Context) error
}

func (r *hostRun) delivered(m *signalcast.Message) {
	r.silence.end()
	r.account.Delivered(number(m.Event.ID))
}

// sender returns a dispatcher with the backend, and a sender that uses it.
func (r *hostRun) sender(b backend) (*signalcast.Dispatcher, hostSender) {
	r.t.Helper()
	registry := newRegistry(r.t, r.happened, &r.lastID)
	failed := func(err *signalcast.DeliveryError) {
		r.texts.failed(err)
		r.noteFailure(number(err.Message.Event.ID))
		r.account.Failed(number(err.Message.Event.ID), err.Fate)
	}
	hooks := signalcast.Hooks{
		Delivered: func(m *signalcast.Message, _ signalcast.Receipt) { r.delivered(m) }, Failed: failed, Rejected: failed,
	}
	store := memory.New()
	option := signalcast.WithHooks(hooks)
	if r.relays {
		option = signalcast.WithOutbox(store)
	}
	d, err := signalcast.NewDispatcher(r.t.Context(), registry, r.config, b, option)
	require.NoError(r.t, err)
	r.lastID.Store(0) // NewDispatcher has used an ID
	if !r.relays {
		return d, hostSender{func(event numbered) {
			_, _ = r.happened.SendAsync(r.t.Context(), registry, event) // the hooks record the fate
		}, d.Flush}
	}
	return d, r.relay(registry, store, b)
}

// relay starts a relay from a store. The wait function of the sender ends it.
func (r *hostRun) relay(registry *signalcast.Registry, store *memory.Store, b backend) hostSender {
	r.t.Helper()
	relay, err := outbox.NewRelay(store, b, outbox.Config{Hooks: outbox.Hooks{
		Delivered: func(row outbox.Row, _ signalcast.Receipt) { r.delivered(row.Message) },
	}})
	require.NoError(r.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	return hostSender{func(event numbered) {
		// The account reports an event that is not stored as one without a fate.
		_ = store.InTx(ctx, func(ctx context.Context) error { return r.happened.Send(ctx, registry, event) })
	}, func(waiting context.Context) error {
		defer cancel()
		for {
			status, err := store.Status(waiting)
			if err != nil {
				return err
			}
			if status.Pending == 0 {
				cancel()
				return <-ended
			}
			<-time.After(20 * time.Millisecond)
		}
	}}
}

// consume starts a consumer of the topic. stop waits until all stored events are handled, at most a minute, and ends the consumer. It returns
// the numbers of the handled events, in the order in which they were handled.
func (r *hostRun) consume() (stop func(o *hostResult) (handled []int)) {
	r.t.Helper()
	if r.source == nil {
		return func(*hostResult) []int { return nil }
	}
	source, closeSource := r.source(r.t, r.topic)
	registry := signalcast.NewRegistry()
	require.NoError(r.t, registry.Register(r.happened))
	var mu sync.Mutex
	var handled []int
	seen := map[int]bool{}
	_, err := r.happened.Connect(registry, func(_ context.Context, e signalcast.Event[numbered]) error {
		mu.Lock()
		defer mu.Unlock()
		handled = append(handled, number(e.ID))
		seen[number(e.ID)] = true
		return nil
	})
	require.NoError(r.t, err)
	consumer, err := consume.New(registry, source, consume.Config{Keys: r.config})
	require.NoError(r.t, err)
	r.consumer = consumer
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	return func(o *hostResult) []int {
		o.consumed = true
		want := r.read(r.t, r.topic)
		allSeen := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return !slices.ContainsFunc(want, func(id signalcast.UUID) bool { return !seen[number(id)] })
		}
		for deadline := time.Now().Add(time.Minute); !allSeen() && time.Now().Before(deadline); {
			<-time.After(20 * time.Millisecond)
		}
		cancel()
		err := <-ended
		o.require(err == nil, "found the consumer ended with %v", err)
		o.require(closeSource() == nil, "found an error on closing the source")
		mu.Lock()
		defer mu.Unlock()
		return handled
	}
}

func (r hostResult) String() string {
	return fmt.Sprintf("%+v client %s recovered %v handled %+v healthy before %v during %v texts %v",
		r.result, r.client, r.recovered, r.handled, r.healthyBefore, r.healthyDuring, r.Texts())
}
