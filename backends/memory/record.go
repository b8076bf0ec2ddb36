package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/signalcast/signalcast"
)

// Messages returns what the destination has stored, in the order of storing:
// all of it, or the messages of the topics given, named with their prefix.
// The messages are copies of the published ones, shared by all callers: read them only.
func (b *Backend) Messages(topics ...string) []*signalcast.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(topics) == 0 {
		return slices.Clone(b.stored)
	}
	var found []*signalcast.Message
	for _, m := range b.stored {
		if slices.Contains(topics, m.Topic) {
			found = append(found, m)
		}
	}
	return found
}

// Unacknowledged returns how many messages were taken whose outcome is not
// known: their done has not returned.
func (b *Backend) Unacknowledged() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, e := range b.open {
		if !e.finished {
			n++
		}
	}
	return n
}

// Wait returns nil once condition holds. It asks now and whenever a message was
// taken, stored or settled; condition may call the backend's methods:
//
//	err := backend.Wait(ctx, func() bool { return len(backend.Messages("users")) == 3 })
//
// When ctx ends first, the error wraps ctx.Err().
func (b *Backend) Wait(ctx context.Context, condition func() bool) error {
	for {
		b.mu.Lock()
		changed := b.nextChange()
		b.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for messages: %d stored, %d unacknowledged: %w",
				len(b.Messages()), b.Unacknowledged(), ctx.Err())
		}
	}
}

// Reset forgets what was stored. Messages still in the buffer are not touched.
func (b *Backend) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored = nil
	b.announce()
}

// clone copies m and all that its owner may change later. Schemas are immutable.
func clone(m *signalcast.Message) *signalcast.Message {
	event := *m.Event
	event.Value = bytes.Clone(event.Value)
	c := *m
	c.Key, c.Event = bytes.Clone(m.Key), &event
	return &c
}
