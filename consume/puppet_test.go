package consume_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
)

const usersTopic = "users"

// puppet is a source that a test plays: the test opens feeds and adds messages itself.
type puppet struct {
	intake    chan *consume.Intake
	published func(topic string, m *consume.Message, extra []consume.Field) error
}

func (s *puppet) Group() string { return "group" }

func (s *puppet) Run(ctx context.Context, in *consume.Intake) error {
	s.intake <- in
	<-ctx.Done()
	return nil
}

func (s *puppet) Publish(_ context.Context, topic string, m *consume.Message, extra []consume.Field) error {
	if s.published == nil {
		return nil
	}
	return s.published(topic, m, extra)
}

type user struct {
	Name string `avro:"name"`
}

const eventType = "org.example.user.created.v1"

// play is a running consumer with a scripted source and one feed.
type play struct {
	*consume.Consumer

	t        *testing.T
	source   *puppet
	registry *signalcast.Registry
	signal   *signalcast.Signal[user]
	in       *consume.Intake
	feed     *consume.Feed
	cancel   context.CancelFunc
	ended    chan error
	offset   int64

	mu      sync.Mutex
	handled []string
}

// begin runs a consumer whose receiver is receive. In a bubble of synctest, the test must call stop.
func begin(t *testing.T, c consume.Config, ordered bool, receive func(ctx context.Context, name string) error) *play {
	t.Helper()
	p := &play{
		t: t, source: &puppet{intake: make(chan *consume.Intake, 1)}, registry: signalcast.NewRegistry(),
		signal: signalcast.NewSignal[user](eventType), ended: make(chan error, 1),
	}
	require.NoError(t, p.registry.Register(p.signal))
	_, err := p.signal.Connect(p.registry, func(ctx context.Context, e signalcast.Event[user]) error {
		if receive != nil {
			if err := receive(ctx, e.Data.Name); err != nil {
				return err
			}
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.handled = append(p.handled, e.Data.Name)
		return nil
	})
	require.NoError(t, err)
	p.Consumer, err = consume.New(p.registry, p.source, c)
	require.NoError(t, err)
	p.run()
	p.feed = p.in.Open(consume.FeedConfig{Topic: usersTopic, Ordered: ordered})
	return p
}

func (p *play) run() {
	ctx, cancel := context.WithCancel(p.t.Context())
	p.cancel = cancel
	go func() { p.ended <- p.Run(ctx) }()
	p.in = <-p.source.intake
}

func (p *play) stop() error {
	p.feed.Close()
	p.cancel()
	return <-p.ended
}

// add adds messages with the given names, which are their keys, too. "key=name" has another key.
func (p *play) add(names ...string) {
	var messages []consume.Message
	for _, name := range names {
		messages = append(messages, p.message(name))
	}
	p.feed.Add(messages)
}

func (p *play) message(name string) consume.Message {
	key := name[:1]
	m := consume.Message{
		Topic: usersTopic, Offset: p.offset, ID: "id" + strconv.FormatInt(p.offset, 10), Key: []byte(key), Value: encode(name),
		Attributes: consume.Attributes{
			Type: []byte(eventType), ID: []byte(signalcast.NewUUID().String()), Time: []byte("2026-01-02T03:04:05+00:00"),
		},
	}
	p.offset++
	return m
}

// encode returns the event data in Avro: a record with a string of less than 64 bytes.
func encode(name string) []byte { return append([]byte{byte(2 * len(name))}, name...) }

func (p *play) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.handled...)
}

func (p *play) counts() consume.TopicStats {
	c := p.Stats().Topics[usersTopic]
	require.Equal(p.t, c.Received, c.Handled+c.Skipped+c.DeadLettered+c.Dropped+c.Returned+c.Pending, "%+v", c)
	return c
}

// quick is a Retry without long pauses.
var quick = consume.Retry{Attempts: 3, Min: time.Second, Max: 4 * time.Second, Patience: time.Minute}

var errFails = errors.New("fails")

// wait advances the time of a bubble of synctest.
func wait(d time.Duration) { <-time.After(d) }
