package consume_test

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

// patience is how long tests wait for a condition that must become true.
const patience = 30 * time.Second

const topic = "orders"

// changed is the data of the events.
type changed struct {
	Key string `avro:"key"`
	N   int64  `avro:"n"`
}

var orderChanged = signalcast.NewSignal[changed]("org.example.order.changed.v1")

// message returns a message as a source reads it.
func message(key string, n int64) consume.Message {
	value := binary.AppendVarint(nil, int64(len(key)))
	value = binary.AppendVarint(append(value, key...), n)
	return consume.Message{
		Topic: topic, Offset: n, Key: []byte(key), Value: value,
		Attributes: consume.Attributes{Type: []byte(orderChanged.EventType())},
	}
}

// script is a source whose feed the test controls.
type script struct {
	ordered bool
	publish func(topic string, m *consume.Message, extra []consume.Field) error

	feed    *consume.Feed
	intake  *consume.Intake
	opened  chan struct{}
	changed chan struct{}
}

func newScript(ordered bool) *script {
	return &script{ordered: ordered, opened: make(chan struct{}), changed: make(chan struct{}, 1)}
}

func (s *script) Group() string { return "group" }

func (s *script) Run(ctx context.Context, in *consume.Intake) error {
	s.intake = in
	s.feed = in.Open(consume.FeedConfig{Topic: topic, Ordered: s.ordered, Notify: s.changed})
	close(s.opened)
	<-ctx.Done()
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.Grace())
	defer cancel()
	_ = s.feed.Drain(draining)
	s.feed.Close()
	return nil
}

func (s *script) Publish(_ context.Context, topic string, m *consume.Message, extra []consume.Field) error {
	if s.publish == nil {
		return nil
	}
	return s.publish(topic, m, extra)
}

// taken returns the offsets that the feed lets the source acknowledge.
func (s *script) taken() (offsets []int64) {
	positions, n := s.feed.Take(nil)
	for _, p := range positions {
		offsets = append(offsets, p.Offset)
	}
	s.feed.Acknowledged(n)
	return offsets
}

// running is a consumer that runs in the test.
type running struct {
	*consume.Consumer

	script *script
	cancel context.CancelFunc
	ended  chan error
}

// start starts a consumer whose receivers are given.
func start(t *testing.T, s *script, config consume.Config, receivers ...func(context.Context, signalcast.Event[changed]) error) *running {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(orderChanged))
	for _, receive := range receivers {
		_, err := orderChanged.Connect(registry, receive)
		require.NoError(t, err)
	}
	return startWith(t, registry, s, config)
}

func startWith(t *testing.T, registry *signalcast.Registry, s *script, config consume.Config) *running {
	t.Helper()
	consumer, err := consume.New(registry, s, config)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Consumer: consumer, script: s, cancel: cancel, ended: make(chan error, 1)}
	go func() { r.ended <- consumer.Run(ctx) }()
	<-s.opened
	return r
}

// stop ends the consumer and requires that its counts add up.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	require.NoError(t, <-r.ended)
	r.requireLedger(t)
}

func (r *running) counts() consume.TopicStats { return r.Stats().Topics[topic] }

func (r *running) requireLedger(t *testing.T) {
	t.Helper()
	c := r.counts()
	require.Equal(t, c.Received, c.Handled+c.Skipped+c.DeadLettered+c.Dropped+c.Returned+c.Pending, "%+v", c)
}

// journal is what receivers got, in order.
type journal struct {
	mu   sync.Mutex
	keys map[string][]int64
	all  []int64
}

func newJournal() *journal { return &journal{keys: map[string][]int64{}} }

func (j *journal) add(e signalcast.Event[changed]) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.keys[e.Data.Key] = append(j.keys[e.Data.Key], e.Data.N)
	j.all = append(j.all, e.Data.N)
}

func (j *journal) list() []int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]int64(nil), j.all...)
}
