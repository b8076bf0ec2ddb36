package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/signalcast/signalcast"
)

// Messages returns the stored messages, in the order of storing. Given topics, prefix included, it
// returns only their messages. The messages are copies of the published ones. All callers share
// them and must not change them.
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

// Unacknowledged returns the number of accepted messages whose outcome was not reported yet.
func (b *Backend) Unacknowledged() int { return b.buffer.Len() }

// Wait blocks until condition returns true or ctx ends. It calls condition now, and again whenever a
// message was accepted, stored or completed. condition may call methods of the backend:
//
//	err := backend.Wait(ctx, func() bool { return len(backend.Messages("users")) == 3 })
//
// If ctx ends first, the error wraps ctx.Err().
func (b *Backend) Wait(ctx context.Context, condition func() bool) error {
	for {
		changed := b.nextChange()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("memory: waited with %d messages stored and %d unacknowledged: %w",
				len(b.Messages()), b.Unacknowledged(), ctx.Err())
		}
	}
}

// Reset removes the stored messages. It does not affect messages in the buffer.
func (b *Backend) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored = nil
	b.announce()
}

// clone returns a deep copy of m. Schemas are immutable and shared.
func clone(m *signalcast.Message) *signalcast.Message {
	event := *m.Event
	event.Value = bytes.Clone(event.Value)
	c := *m
	c.Key, c.Event = bytes.Clone(m.Key), &event
	return &c
}
