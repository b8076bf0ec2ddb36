package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/openedx/learning"
)

// consumers gives each round a group of its own.
var consumers atomic.Int64

func newGroup() string { return fmt.Sprintf("group-%d-%d", time.Now().UnixNano(), consumers.Add(1)) }

// counted is a receiver that counts events.
type counted struct {
	want    int64
	events  atomic.Int64
	reached chan struct{}
}

func newCounted(n int) *counted { return &counted{want: int64(n), reached: make(chan struct{})} }

func (c *counted) add(n int64) {
	if after := c.events.Add(n); after >= c.want && after-n < c.want {
		close(c.reached)
	}
}

func (c *counted) wait(ctx context.Context) error {
	select {
	case <-c.reached:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("found %d of %d events: %w", c.events.Load(), c.want, ctx.Err())
	}
}

// consumeEvents starts a consumer whose receiver counts events, and returns when n were handled. stop ends the consumer.
func consumeEvents(ctx context.Context, source consume.Source, config consume.Config, n int) (stop func() error, err error) {
	registry := signalcast.NewRegistry()
	if err := registry.Register(learning.CourseEnrollmentCreated); err != nil {
		return nil, err
	}
	handled := newCounted(n)
	_, err = learning.CourseEnrollmentCreated.Connect(registry, func(context.Context, signalcast.Event[learning.CourseEnrollmentEvent]) error {
		handled.add(1)
		return nil
	})
	if err != nil {
		return nil, err
	}
	consumer, err := consume.New(registry, source, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := start(ctx, consumer.Run)
	stop = func() error {
		cancel()
		return ended()
	}
	if err := handled.wait(ctx); err != nil {
		return nil, errors.Join(err, stop())
	}
	return stop, nil
}

// sendEvents sends n events and waits for their acknowledgements.
func sendEvents(ctx context.Context, r *signalcast.Registry, d *signalcast.Dispatcher, events []learning.CourseEnrollmentEvent, n int) error {
	for i := range n {
		if _, err := learning.CourseEnrollmentCreated.SendAsync(ctx, r, events[i%len(events)]); err != nil {
			return err
		}
	}
	return d.Flush(ctx)
}
