package signalcasttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/memory"
)

// Consume runs a consumer for the messages that were published to some topics, prefix included, until its receivers have handled
// all of them. It returns the number of messages that they handled. Without topics, it reads those of all enabled routes.
//
// The receivers are those that are connected in the registry of the consuming service. Each registry is a group of its own, and
// a further Consume handles only new messages. Consume first waits for events that were sent with SendAsync.
//
// c is as in production, with two differences. If c.Concurrency is 0, one message is handled at a time. If c.Retry is the zero
// Retry, a message is handled again at once, and it becomes a dead letter about 0.1 s after its first failure.
//
// A message that cannot be handled fails the test, unless a receiver returned an error that wraps [consume.ErrPermanent]. The
// dead letter of such a message of topic "users" is in the topic "users-test-dead".
func (b *Bus) Consume(t testing.TB, receivers *signalcast.Registry, c consume.Config, topics ...string) (handled int) {
	t.Helper()
	b.flush(t)
	if len(topics) == 0 {
		topics = b.topics()
	}
	if c.Concurrency == 0 {
		c.Concurrency = 1
	}
	if c.Retry == (consume.Retry{}) {
		c.Retry = consume.Retry{Min: time.Millisecond, Max: 10 * time.Millisecond, Patience: 50 * time.Millisecond}
	}
	failed := reportTo(&c.Hooks)
	for _, topic := range topics {
		source := b.source(receivers, topic)
		consumer, err := consume.New(receivers, source, c)
		if err != nil {
			t.Fatalf("make a consumer: %v", err)
		}
		if err := run(t.Context(), source, consumer); err != nil {
			t.Fatalf("consume topic %q: %v", topic, err)
		}
		handled += int(consumer.Stats().Topics[topic].Handled)
	}
	if err := failed(); err != nil {
		t.Fatalf("consume: %v", err)
	}
	return handled
}

// place names what the receivers of a registry have read of a topic.
type place struct {
	receivers *signalcast.Registry
	topic     string
}

func (b *Bus) source(receivers *signalcast.Registry, topic string) *memory.Source {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := place{receivers, topic}
	if b.sources[at] == nil {
		b.sources[at] = memory.NewSource(b.Backend, "test", topic)
	}
	return b.sources[at]
}

// topics returns the topics of the enabled routes.
func (b *Bus) topics() (list []string) {
	for _, r := range b.Dispatcher.Routes() {
		if r.Enabled {
			list = append(list, r.Topic)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// reportTo adds hooks that note the messages that could not be handled. failed returns them.
func reportTo(h *consume.Hooks) (failed func() error) {
	var mu sync.Mutex
	var all error
	note := func(m *consume.Message, err error) {
		if errors.Is(err, consume.ErrPermanent) {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		all = errors.Join(all, fmt.Errorf("message %s: %w", m.Position(), err))
	}
	dropped, deadLettered := h.Dropped, h.DeadLettered
	h.Dropped = func(m *consume.Message, err error) {
		note(m, err)
		if dropped != nil {
			dropped(m, err)
		}
	}
	h.DeadLettered = func(m *consume.Message, topic string, err error) {
		note(m, err)
		if deadLettered != nil {
			deadLettered(m, topic, err)
		}
	}
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// run runs a consumer until it has handled the messages that were published before.
func run(ctx context.Context, source *memory.Source, consumer *consume.Consumer) error {
	running, stop := context.WithCancel(ctx)
	defer stop()
	waiting, cancel := context.WithTimeout(ctx, patience)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		ended <- consumer.Run(running)
	}()
	err := source.Wait(waiting)
	for _, r := range consumer.Status().Retrying {
		err = errors.Join(err, fmt.Errorf("message %s: %w", r.Position, r.Err))
	}
	stop()
	return errors.Join(<-ended, err)
}
