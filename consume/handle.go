package consume

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// outcome is the result of an attempt.
type outcome uint8

const (
	again outcome = iota // the handling is not over
	succeeded
	deadLettered
	dropped
	stopped
)

// work is a worker. It handles one message at a time. If a receiver or hook ends the goroutine, as the assertions of package testing do,
// another worker replaces it.
func (c *Consumer) work(workers *sync.WaitGroup) {
	var it *item      // is being handled; mu is not held then
	var handled int64 // messages of the topic that were handled when it began
	defer func() {
		if it != nil {
			c.noteExit(it, handled)
			workers.Go(func() { c.work(workers) })
		}
	}()
	decoder := c.registry.NewDecoder()
	var done *item
	var o outcome
	var err error
	for {
		var next *item
		if next, handled = c.next(done, o, err, decoder); next == nil {
			return
		}
		it = next
		if it.event == nil && it.err == nil {
			it.event, it.err = it.message().event(decoder, it.origin)
		}
		o, err = c.attempt(it, handled)
		done, it = it, nil
	}
}

// next notes the result of an attempt, unless done is nil, and waits for a message to handle. handled is the number of messages of
// its topic that were handled. It locks mu once for a message.
func (c *Consumer) next(done *item, o outcome, err error, decoder *signalcast.Decoder) (it *item, handled int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done != nil {
		if change, attrs := c.complete(done, o, err); change != unchanged {
			c.wakeWorker()
			c.mu.Unlock()
			c.logChange(done, change, attrs)
			c.mu.Lock()
		}
	}
	if it = c.nextItem(decoder); it != nil {
		handled = it.lane.feed.topic.Handled
	}
	return it, handled
}

// logChange logs a change of a lane.
func (c *Consumer) logChange(it *item, change laneChange, attrs []slog.Attr) {
	switch change {
	case nowHeld:
		c.log.LogAttrs(context.Background(), slog.LevelWarn, "message failed, retrying", attrs...)
	case nowFree:
		c.log.LogAttrs(context.Background(), slog.LevelInfo, "topic has no failed messages any more", slog.String("topic", it.message().Topic))
	case unchanged:
	}
}

var errExited = errors.New("a receiver ended its goroutine")

// noteExit notes that an attempt ended with its goroutine. If a hook did that, the message is finished already.
func (c *Consumer) noteExit(it *item, handled int64) {
	if it.result == again && it.err == nil && c.countFailure(it, handled, errExited) {
		it.err = errExited // the next attempt does what Config.OnFailure says
	}
	c.mu.Lock()
	change, attrs := c.complete(it, it.result, errExited)
	c.wakeWorker()
	c.mu.Unlock()
	c.logChange(it, change, attrs)
}

// attempt handles a message once. If that was the last attempt, it also does what Config.OnFailure says. handled is the number of
// messages of the topic that were handled before it.
func (c *Consumer) attempt(it *item, handled int64) (outcome, error) {
	if it.err == nil {
		err := c.call(it)
		if err == nil {
			it.result = succeeded
			if hook := c.config.Hooks.Handled; hook != nil {
				c.protect("Handled", func() { hook(it.message(), it.event.Metadata) })
			}
			return succeeded, nil
		}
		last := c.countFailure(it, handled, err)
		if hook := c.config.Hooks.Failed; hook != nil {
			c.protect("Failed", func() { hook(it.message(), it.attempts(), err) })
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

// countFailure counts a failed attempt. It reports whether it was the last one. handled is the number of messages of the topic that were
// handled before the first attempt.
func (c *Consumer) countFailure(it *item, handled int64, err error) (last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := it.lane.feed.topic
	counts.Failed++
	if it.failure == nil {
		it.failure = &failure{since: time.Now(), handled: handled}
	}
	f := it.failure
	if counts.Handled > f.handled || time.Since(f.since) >= c.config.Retry.Patience {
		f.attempts++
	}
	f.handled = counts.Handled
	return f.attempts >= c.config.Retry.Attempts || permanent(err)
}

// giveUp does what Config.OnFailure says with a message that cannot be handled.
func (c *Consumer) giveUp(it *item) (outcome, error) {
	m := it.message()
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
		if err := c.source.Publish(it.lane.feed.ctx, topic, m, c.deadLetterFields(it)); err != nil {
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

// complete notes the result of an attempt, and returns what to log. It is called with mu held. The caller wakes a worker, or takes a lane
// itself.
func (c *Consumer) complete(it *item, o outcome, err error) (laneChange, []slog.Attr) {
	l := it.lane
	f := l.feed
	l.busy = false
	if f.closed {
		return unchanged, nil
	}
	switch o {
	case again:
		if c.retry(it, err) {
			return nowHeld, it.attrs(err) // another worker may finish the message as soon as mu is free
		}
		return unchanged, nil
	case stopped:
		l.stopped = true
		if c.cause == nil {
			c.cause = &StopError{Position: it.message().Position(), Err: err}
			c.stop()
		}
		if f.draining {
			f.cut(l)
			f.changed()
		}
		return unchanged, nil
	case succeeded:
		return c.finish(it, &f.topic.Handled), nil
	case deadLettered:
		return c.finish(it, &f.topic.DeadLettered), nil
	default:
		return c.finish(it, &f.topic.Dropped), nil
	}
}

// retry makes the lane of a message wait for its next attempt. It reports whether no other lane of the topic waits.
func (c *Consumer) retry(it *item, err error) (first bool) {
	l, now := it.lane, time.Now()
	if it.failure == nil {
		it.failure = &failure{since: now}
	}
	wait := c.backoff(it.failure.failures)
	it.failure.lastErr, it.failure.retryAt = err, now.Add(wait)
	it.failure.failures++
	if f := l.feed; f.draining {
		if f.cut(l); l.first == nil {
			f.changed()
			return false
		}
	}
	return c.hold(l, wait)
}

// finish ends the handling of the first message of a lane.
func (c *Consumer) finish(it *item, count *int64) laneChange {
	l := it.lane
	l.advance()
	last := c.free(l)
	l.feed.finish(it, count)
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
	attrs := []slog.Attr{slog.String("position", it.message().Position()), slog.String("event_type", it.eventType())}
	if it.event != nil {
		attrs = append(attrs, slog.String("event_id", it.event.ID.String()))
	}
	return append(attrs, slog.Int("attempts", it.attempts()), slog.Any("error", err))
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
