package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// outcome is the result of an attempt.
type outcome int

const (
	again outcome = iota // the handling is not over
	handled
	deadLettered
	dropped
	stopped
)

// work is a worker. It handles one message at a time. If a receiver or hook ends the goroutine, as the assertions of package testing do,
// another worker replaces it.
func (c *Consumer) work(workers *sync.WaitGroup) {
	var it *item // is being handled; mu is not held then
	defer func() {
		if it != nil {
			c.noteExit(it)
			workers.Go(func() { c.work(workers) })
		}
	}()
	for {
		c.mu.Lock()
		next := c.nextItem()
		if next != nil && next.failures == 0 {
			next.handled = next.feed.topic.Handled
		}
		c.mu.Unlock()
		if next == nil {
			return
		}
		it = next
		o, err := c.attempt(it)
		it = nil
		c.note(next, o, err)
	}
}

// note notes the result of an attempt, and logs a change of the lane.
func (c *Consumer) note(it *item, o outcome, err error) {
	c.mu.Lock()
	change := c.complete(it, o, err)
	var attrs []slog.Attr
	if change == nowHeld {
		attrs = it.attrs(err) // another worker may finish the message as soon as mu is free
	}
	c.mu.Unlock()
	switch change {
	case nowHeld:
		c.log.LogAttrs(context.Background(), slog.LevelWarn, "message failed, retrying", attrs...)
	case nowFree:
		c.log.LogAttrs(context.Background(), slog.LevelInfo, "topic has no failed messages any more", slog.String("topic", it.feed.config.Topic))
	case unchanged:
	}
}

var errExited = errors.New("a receiver ended its goroutine")

// noteExit notes that an attempt ended with its goroutine. If a hook did that, the message is finished already.
func (c *Consumer) noteExit(it *item) {
	if it.result == again && it.err == nil && c.countFailure(it, errExited) {
		it.err = errExited // the next attempt does what Config.OnFailure says
	}
	c.note(it, it.result, errExited)
}

// attempt handles a message once. If that was the last attempt, it also does what Config.OnFailure says.
func (c *Consumer) attempt(it *item) (outcome, error) {
	if it.err == nil {
		err := c.call(it)
		if err == nil {
			it.result = handled
			if hook := c.config.Hooks.Handled; hook != nil {
				c.protect("Handled", func() { hook(it.message, it.event.Metadata) })
			}
			return handled, nil
		}
		last := c.countFailure(it, err)
		if hook := c.config.Hooks.Failed; hook != nil {
			c.protect("Failed", func() { hook(it.message, it.attempts, err) })
		}
		if !last {
			return again, err
		}
		it.err = err
	}
	return c.giveUp(it)
}

// call calls the receivers of an event, and returns their errors or a panic of Config.Handle.
func (c *Consumer) call(it *item) (err error) {
	it.ctx = messageContext{it.feed.ctx, it.message}
	if c.config.Handle == nil {
		return it.event.Deliver(&it.ctx) //nolint:wrapcheck // the errors are of the receivers
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("Config.Handle panicked with a %T", p)
		}
	}()
	return c.config.Handle(&it.ctx, it.event)
}

// countFailure counts a failed attempt. It reports whether it was the last one.
func (c *Consumer) countFailure(it *item, err error) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := it.feed.topic
	counts.Failed++
	if it.failed.IsZero() {
		it.failed = time.Now()
	}
	if counts.Handled > it.handled || time.Since(it.failed) >= c.config.Retry.Patience {
		it.attempts++
	}
	it.handled = counts.Handled
	return it.attempts >= c.config.Retry.Attempts || permanent(err)
}

// giveUp does what Config.OnFailure says with a message that cannot be handled.
func (c *Consumer) giveUp(it *item) (outcome, error) {
	m := it.message
	switch c.config.OnFailure {
	case Drop:
		c.log.LogAttrs(context.Background(), slog.LevelError, "message dropped", it.attrs(it.err)...)
		it.result = dropped
		if hook := c.config.Hooks.Dropped; hook != nil {
			c.protect("Dropped", func() { hook(m, it.err) })
		}
		return dropped, nil
	case Stop:
		return stopped, it.err
	default:
		topic := c.deadLetterTopic(m.Topic)
		if err := c.source.Publish(it.feed.ctx, topic, m, c.deadLetterFields(it)); err != nil {
			return again, fmt.Errorf("publish a dead letter to %q: %w", topic, err)
		}
		c.log.LogAttrs(context.Background(), slog.LevelError, "message dead-lettered", it.attrs(it.err)...)
		it.result = deadLettered
		if hook := c.config.Hooks.DeadLettered; hook != nil {
			c.protect("DeadLettered", func() { hook(m, topic, it.err) })
		}
		return deadLettered, nil
	}
}

// laneChange says what the log gets of a lane.
type laneChange int

const (
	unchanged laneChange = iota
	nowHeld              // the first lane of its topic
	nowFree              // the last lane of its topic
)

// complete notes the result of an attempt. It is called with mu held.
func (c *Consumer) complete(it *item, o outcome, err error) laneChange {
	f, l := it.feed, it.lane
	l.busy = false
	if f.closed {
		return unchanged
	}
	switch o {
	case again:
		it.lastErr = err
		if it.failed.IsZero() {
			it.failed = time.Now()
		}
		wait := c.backoff(it.failures)
		it.failures++
		it.retryAt = time.Now().Add(wait)
		if f.draining {
			if f.cut(l); l.first == nil {
				f.changed()
				return unchanged
			}
		}
		if c.hold(l, wait) {
			return nowHeld
		}
		return unchanged
	case stopped:
		l.stopped = true
		if c.cause == nil {
			c.cause = &StopError{Position: it.message.Position(), Err: err}
			c.stop()
		}
		if f.draining {
			f.cut(l)
			f.changed()
		}
		return unchanged
	case handled:
		return c.finish(it, &f.topic.Handled)
	case deadLettered:
		return c.finish(it, &f.topic.DeadLettered)
	default:
		return c.finish(it, &f.topic.Dropped)
	}
}

// finish ends the handling of the first message of a lane.
func (c *Consumer) finish(it *item, count *int64) laneChange {
	l := it.lane
	l.advance()
	last := c.free(l)
	it.feed.finish(it, count)
	c.makeReady(l)
	if last {
		return nowFree
	}
	return unchanged
}

// backoff returns the pause after n failures and one more.
func (c *Consumer) backoff(n int) time.Duration {
	wait := c.config.Retry.Min
	for range n {
		if wait *= 2; wait >= c.config.Retry.Max {
			break
		}
	}
	return min(wait, c.config.Retry.Max)
}

// attrs describe a message and its failure in the log.
func (it *item) attrs(err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("position", it.message.Position()), slog.String("event_type", it.eventType)}
	if it.event != nil {
		attrs = append(attrs, slog.String("event_id", it.event.ID.String()))
	}
	return append(attrs, slog.Int("attempts", it.attempts), slog.Any("error", err))
}

// protect calls a hook and recovers its panic. The text of the panic may hold event data.
func (c *Consumer) protect(name string, hook func()) {
	defer func() {
		if p := recover(); p != nil {
			c.log.LogAttrs(context.Background(), slog.LevelError, "hook panicked",
				slog.String("hook", name), slog.String("panic_type", fmt.Sprintf("%T", p)))
		}
	}()
	hook()
}
