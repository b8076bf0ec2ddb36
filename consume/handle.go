package consume

import (
	"context"
	"fmt"
	"log/slog"
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

// work is a worker. It handles one message at a time.
func (c *Consumer) work() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		it := c.nextItem()
		if it == nil {
			return
		}
		if it.failures == 0 {
			it.handled = it.feed.topic.Handled
		}
		c.mu.Unlock()
		o, err := c.attempt(it)
		c.mu.Lock()
		var attrs []slog.Attr // before another worker has the message
		change := c.complete(it, o, err)
		if change == nowHeld {
			attrs = it.attrs(err)
		}
		if change != unchanged {
			topic := it.feed.config.Topic
			c.mu.Unlock()
			c.logLane(change, topic, attrs)
			c.mu.Lock()
		}
	}
}

// attempt handles a message once. If that was the last attempt, it also does what Config.OnFailure says.
func (c *Consumer) attempt(it *item) (outcome, error) {
	if it.err == nil {
		err := c.call(it)
		if err == nil {
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
		return it.event.Deliver(&it.ctx)
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

func (c *Consumer) logLane(change laneChange, topic string, attrs []slog.Attr) {
	if change == nowFree {
		c.log.LogAttrs(context.Background(), slog.LevelInfo, "topic has no failed messages any more", slog.String("topic", topic))
		return
	}
	c.log.LogAttrs(context.Background(), slog.LevelWarn, "message failed, retrying", attrs...)
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
