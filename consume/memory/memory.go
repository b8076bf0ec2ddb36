// Package memory reads the messages of backends/memory for package consume, so that a unit test covers the whole way of an event: it
// is sent, published, read, decoded and received.
//
//	backend := memory.New() // of backends/memory
//	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend)
//	source := memory.NewSource(backend, "group", "users")
//	consumer, err := consume.New(registry, source, consume.Config{})
//	go consumer.Run(ctx)
//	…
//	err = source.Wait(ctx) // until the messages published so far are handled
package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
)

var _ consume.Source = (*Source)(nil)

// Source reads the messages of some topics of a memory backend for one group. It keeps the group's place, so that a further
// Run continues behind what was acknowledged. Consumers that share a Source are the members of the group: one of them
// reads a topic at a time, and the others wait until it has stopped.
type Source struct {
	backend *memory.Backend
	group   string
	topics  []*topic
}

// topic is a topic with the place of the group.
type topic struct {
	name    string
	reading chan struct{} // holds a value while a member reads

	mu      sync.Mutex
	next    int          // the first message that was not read
	open    map[int]bool // read, and not acknowledged
	again   []int        // of open, those that the present Run has not read
	changed chan struct{}
}

// NewSource returns a source for the messages of topics, whose names have the prefix. It begins at the oldest message.
func NewSource(backend *memory.Backend, group string, topics ...string) *Source {
	s := &Source{backend: backend, group: group}
	for _, name := range topics {
		s.topics = append(s.topics, &topic{name: name, reading: make(chan struct{}, 1), open: map[int]bool{}, changed: make(chan struct{})})
	}
	return s
}

// Group returns the name of the group.
func (s *Source) Group() string { return s.group }

// Run reads the topics until ctx ends. See [consume.Source].
func (s *Source) Run(ctx context.Context, in *consume.Intake) error {
	var readers sync.WaitGroup
	for _, t := range s.topics {
		readers.Go(func() { s.read(ctx, in, t) })
	}
	readers.Wait()
	return nil
}

// read reads one topic until ctx ends, when no other member reads it.
func (s *Source) read(ctx context.Context, in *consume.Intake, t *topic) {
	select {
	case t.reading <- struct{}{}:
		defer func() { <-t.reading }()
	case <-ctx.Done():
		return
	}
	notify := make(chan struct{}, 1)
	feed := in.Open(consume.FeedConfig{Topic: t.name, Notify: notify})
	defer feed.Close()
	published := make(chan struct{}, 1)
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx, t.name, published) })
	defer watching.Wait()
	t.reopen()
	for {
		acknowledge(feed, t)
		if ctx.Err() != nil {
			break
		}
		messages := s.backend.Messages(t.name)
		batch := t.take(feed.Room(), messages)
		feed.SetBacklog(int64(t.behind(len(messages))))
		feed.Add(batch)
		if len(batch) > 0 {
			continue
		}
		select {
		case <-notify:
		case <-published:
		case <-ctx.Done():
		}
	}
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), in.Grace())
	defer cancel()
	_ = feed.Drain(draining) // what is not handled then is read again by the next Run
	acknowledge(feed, t)
}

// watch sends a value whenever messages were published, until ctx ends.
func (s *Source) watch(ctx context.Context, topic string, published chan<- struct{}) {
	n := 0
	for s.backend.Wait(ctx, func() bool { return len(s.backend.Messages(topic)) != n }) == nil {
		n = len(s.backend.Messages(topic))
		select {
		case published <- struct{}{}:
		default:
		}
	}
}

func acknowledge(feed *consume.Feed, t *topic) {
	positions, n := feed.Take(nil)
	t.mu.Lock()
	for _, p := range positions {
		delete(t.open, int(p.Offset))
	}
	if len(positions) > 0 {
		close(t.changed)
		t.changed = make(chan struct{})
	}
	t.mu.Unlock()
	feed.Acknowledged(n)
}

// reopen makes the messages that were not acknowledged to be read again.
func (t *topic) reopen() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.again = slices.Sorted(maps.Keys(t.open))
}

// take returns at most room messages to read next.
func (t *topic) take(room int, messages []*signalcast.Message) (batch []consume.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(messages) < t.next { // the backend was reset
		t.next, t.again = 0, nil
		clear(t.open)
	}
	for len(t.again) > 0 && len(batch) < room {
		batch = append(batch, message(messages[t.again[0]], t.again[0]))
		t.again = t.again[1:]
	}
	for ; t.next < len(messages) && len(batch) < room; t.next++ {
		t.open[t.next] = true
		batch = append(batch, message(messages[t.next], t.next))
	}
	return batch
}

func (t *topic) behind(messages int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, messages-t.next)
}

// message returns a message of the backend as it would come from a broker.
func message(m *signalcast.Message, n int) consume.Message {
	e := m.Event
	from := consume.Message{
		Topic: m.Topic, ID: strconv.Itoa(n + 1), Offset: int64(n), Key: m.Key, Value: e.Value, Schema: e.ValueSchema, Raw: m,
		Attributes: consume.Attributes{
			Type: []byte(e.EventType), ID: []byte(e.ID.String()), Source: []byte(e.Source), Time: e.AppendTime(nil),
			MinorVersion: strconv.AppendInt(nil, e.MinorVersion, 10), SourceHost: []byte(e.SourceHost), SourceLib: []byte(e.SourceLib),
		},
	}
	if t := m.Trace; t != nil {
		from.Attributes.TraceParent, from.Attributes.TraceState = []byte(t.TraceParent), []byte(t.TraceState)
	}
	if want := signalcast.Avro().ContentType(); e.ContentType != want {
		from.Err = fmt.Errorf("found content type %q; want %q", e.ContentType, want)
	}
	return from
}

// Publish stores a message in another topic of the backend. The given fields are dropped, since the backend keeps none; use
// Hooks.DeadLettered to see the reason. See [consume.Source].
func (s *Source) Publish(ctx context.Context, topic string, m *consume.Message, _ []consume.Field) error {
	from, ok := m.Raw.(*signalcast.Message)
	if !ok {
		return fmt.Errorf("memory: message %s: found a message of another source; want one of this source", m.Position())
	}
	to := *from
	to.Topic = topic
	outcome := make(chan error, 1)
	if err := s.backend.Publish(ctx, &to, func(_ signalcast.Receipt, err error) { outcome <- err }); err != nil {
		return err
	}
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // documented
	}
}

// Wait blocks until the messages that were published before the call are acknowledged, or ctx ends. The error then wraps ctx.Err().
func (s *Source) Wait(ctx context.Context) error {
	for _, t := range s.topics {
		want := len(s.backend.Messages(t.name))
		for {
			left, changed := t.unacknowledged(want)
			if left == 0 {
				break
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return fmt.Errorf("memory: topic %q: waited with %d messages unacknowledged: %w", t.name, left, ctx.Err())
			}
		}
	}
	return nil
}

// unacknowledged returns how many of the first want messages are not acknowledged, and a channel that is closed at the next
// change.
func (t *topic) unacknowledged(want int) (left int, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left = max(0, want-t.next)
	for n := range t.open {
		if n < min(want, t.next) {
			left++
		}
	}
	return left, t.changed
}
