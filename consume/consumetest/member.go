package consumetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
)

// member is a running consumer. It records each call of its receiver.
type member struct {
	*trial
	*consume.Consumer

	source      consume.Source // of the target
	republished *memory.Backend
	cancel      context.CancelFunc
	ended       chan error

	mu    sync.Mutex
	calls []call
}

// call is a call of the receiver.
type call struct {
	event   signalcast.Event[item]
	message consume.Message
	err     error
}

// options say how a member differs from the usual one. The zero options are valid.
type options struct {
	group   string   // the group of the trial
	topics  []string // the topic of the trial
	start   consume.Start
	config  consume.Config
	receive func(ctx context.Context, i item) error
	wrap    func(consume.Source) consume.Source
}

// start runs a new member until the trial ends, or stop is called.
func (t *trial) start(o options) *member {
	t.Helper()
	m := t.prepare(o)
	m.run()
	return m
}

// prepare returns a member that does not run.
func (t *trial) prepare(o options) *member {
	t.Helper()
	if o.group == "" {
		o.group = t.group
	}
	if o.topics == nil {
		o.topics = []string{t.topic}
	}
	m := &member{trial: t, republished: memory.New()}
	registry, signal := signalcast.NewRegistry(), signalcast.NewSignal[item](eventType)
	if err := registry.Register(signal); err != nil {
		t.Fatal(err)
	}
	_, err := signal.Connect(registry, func(ctx context.Context, e signalcast.Event[item]) error {
		c := call{event: e}
		if from, ok := consume.MessageFrom(ctx); ok {
			c.message = *from
		}
		if o.receive != nil {
			c.err = o.receive(ctx, e.Data)
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.calls = append(m.calls, c)
		return c.err
	})
	if err != nil {
		t.Fatal(err)
	}
	config := signalcast.ProducerConfig{eventType: {"again": {EventKeyField: new("key"), Enabled: new(true)}}}
	if _, err := signalcast.NewDispatcher(t.context(), registry, config, m.republished); err != nil {
		t.Fatalf("NewDispatcher: %v", err)
	}
	source := t.target.New(t, Member{Group: o.group, Topics: o.topics, Start: o.start.Or(consume.Earliest())})
	m.source = source
	if source.Group() != o.group {
		t.Fatalf("Group: found %q; want %q", source.Group(), o.group)
	}
	if o.wrap != nil {
		source = o.wrap(source)
	}
	if o.config.Retry.Min == 0 {
		o.config.Retry.Min, o.config.Retry.Max = time.Millisecond, 10*time.Millisecond
	}
	o.config.Keys = t.config
	if o.config.Grace == 0 {
		o.config.Grace = t.target.Patience / 2
	}
	if o.config.Keys == nil { // for brokers that keep no keys
		route := map[string]signalcast.TopicConfig{}
		for _, topic := range o.topics {
			route[topic] = signalcast.TopicConfig{EventKeyField: new("key")}
		}
		o.config.Keys = signalcast.ProducerConfig{eventType: route}
	}
	if m.Consumer, err = consume.New(registry, source, o.config); err != nil {
		t.Fatalf("consume.New: %v", err)
	}
	return m
}

// run calls Run until stop is called or the trial ends.
func (m *member) run() { m.runWith(context.Background()) }

func (m *member) runWith(parent context.Context) {
	ctx, cancel := context.WithCancel(parent)
	ended := make(chan error, 1)
	m.cancel, m.ended = cancel, ended
	go func() { ended <- m.Run(ctx) }()
	m.Cleanup(cancel)
}

// stop ends Run, and requires that it returns nil before the patience ends.
func (m *member) stop() {
	m.Helper()
	m.cancel()
	select {
	case err := <-m.ended:
		if err != nil {
			m.Fatalf("Run: %v", err)
		}
	case <-time.After(m.target.Patience):
		m.Fatalf("Run did not return within %v of the end of its context", m.target.Patience)
	}
	s := m.Stats()
	m.requireBalance(s)
	for topic, c := range s.Topics {
		if c.Pending != 0 {
			m.Errorf("topic %q: %d messages are pending after Run; want each feed closed", topic, c.Pending)
		}
	}
}

// numbers returns the numbers of the items that were handled, in the order of handling. An empty key means all.
func (m *member) numbers(key string) []int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []int64
	for _, c := range m.calls {
		if c.err == nil && (key == "" || c.event.Data.Key == key) {
			all = append(all, c.event.Data.Number)
		}
	}
	return all
}

// sorted returns the numbers of the items that were handled, sorted.
func (m *member) sorted() []int64 {
	all := m.numbers("")
	slices.Sort(all)
	return all
}

// has waits until a number was handled.
func (m *member) has(number int64) {
	m.Helper()
	m.until("a member handles a message", func() bool { return slices.Contains(m.numbers(""), number) })
}

// counts returns the counts of the topic of the trial.
func (m *member) counts() consume.TopicStats { return m.Stats().Topics[m.topic] }

// requireNumbers requires that the numbers from first to last were handled once each.
func (m *member) requireNumbers(first, last int64) {
	m.Helper()
	m.requireOnce(m.numbers(""), first, last)
}
