package consume

import (
	"time"

	"github.com/signalcast/signalcast"
)

// item is a message in a consumer, until its handling is over.
type item struct {
	ctx     messageContext       // of its receivers; it holds the message
	origin  *origin              // nil if the message cannot be an event
	event   *signalcast.Received // nil before the event is read, and if err is set
	err     error                // why the message can never be handled
	lane    *lane
	next    *item    // in the lane
	failure *failure // nil before the first one

	sequence int64 // in the feed
	index    int   // in the items of a feed that is not ordered
	skipped  bool
	done     bool
	result   outcome // of the last attempt, before its hook is called
}

// failure is what an item has from its first failed attempt on.
type failure struct {
	attempts int       // failed ones that count
	failures int       // failed attempts to handle the message, and then to publish its dead letter
	since    time.Time // of the first failure
	handled  int64     // messages of the topic that were handled, at the end of the last attempt
	retryAt  time.Time
	lastErr  error
}

func (it *item) message() *Message { return it.ctx.message }

// eventType returns the name of the signal, or an empty one if it cannot be read.
func (it *item) eventType() string {
	if it.origin == nil {
		return ""
	}
	return it.origin.EventType
}

// attempts returns the number of failed attempts that count.
func (it *item) attempts() int {
	if it.failure == nil {
		return 0
	}
	return it.failure.attempts
}

// lane is a hash slot of keys of a feed. Its messages are handled one after the other.
type lane struct {
	feed        *Feed
	first, last *item
	busy        bool        // first is being handled
	stopped     bool        // first stopped the consumer
	ready       bool        // in the queue of ready lanes
	held        bool        // in Consumer.held
	retry       *time.Timer // of first after a failure, or nil
	next        *lane       // in the queue of ready lanes
}

// drop removes the item after before, or the first one, and counts it as returned.
func (l *lane) drop(before *item) {
	f := l.feed
	it := l.first
	if before == nil {
		l.first = it.next
	} else {
		it = before.next
		before.next = it.next
	}
	if l.last == it {
		l.last = before
	}
	if it.failure != nil {
		f.consumer.free(l)
	}
	f.topic.Returned++
	f.topic.Pending--
	f.pending--
	if !f.config.Ordered {
		f.forget(it)
	}
}

// enqueue adds a message to its lane. It is called with mu held, as all functions of this file.
func (c *Consumer) enqueue(it *item) {
	l := it.lane
	if l.first == nil {
		l.first, l.last = it, it
		c.makeReady(l)
		return
	}
	l.last.next = it
	l.last = it
}

// makeReady queues a lane, unless it is empty, or its first message is being handled or waits for its next attempt. The caller wakes a
// worker, or takes a lane itself.
func (c *Consumer) makeReady(l *lane) {
	if l.first == nil || l.busy || l.ready || l.stopped || l.retry != nil || l.feed.closed {
		return
	}
	l.ready = true
	if c.readyLast == nil {
		c.readyFirst = l
	} else {
		c.readyLast.next = l
	}
	c.readyLast = l
}

// wakeWorker wakes a worker if a lane is ready. A worker that takes a lane wakes the next one. So no more workers are woken than find a
// lane, and quick receivers occupy few of them.
func (c *Consumer) wakeWorker() {
	if c.readyFirst != nil && c.idle > 0 && !c.waking {
		c.waking = true
		c.wake.Signal()
	}
}

// nextItem waits for a message to handle. It returns nil when the workers are to end.
func (c *Consumer) nextItem(decoder *signalcast.Decoder) *item {
	for {
		for c.readyFirst == nil {
			if c.ending {
				return nil
			}
			decoder.Reset()
			c.idle++
			c.wake.Wait()
			c.idle--
			c.waking = false
		}
		l := c.readyFirst
		if c.readyFirst = l.next; c.readyFirst == nil {
			c.readyLast = nil
		}
		l.next, l.ready = nil, false
		f := l.feed
		switch {
		case f.closed || l.first == nil:
		case !f.until.IsZero() && !time.Now().Before(f.until):
			f.waiting = append(f.waiting, l)
		default:
			l.busy = true
			f.started = max(f.started, l.first.sequence)
			c.wakeWorker()
			return l.first
		}
	}
}

// advance removes the first message of a lane, whose handling is over.
func (l *lane) advance() {
	it := l.first
	if l.first = it.next; l.first == nil {
		l.last = nil
	}
	it.next = nil
}

// hold makes a lane wait for the next attempt of its first message. It reports whether no other lane of the topic waits.
func (c *Consumer) hold(l *lane, wait time.Duration) (first bool) {
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if l.retry == timer {
			l.retry = nil
			c.makeReady(l)
			c.wakeWorker()
		}
	})
	l.retry = timer
	if l.held {
		return false
	}
	l.held = true
	c.held[l] = struct{}{}
	l.feed.topic.held++
	return l.feed.topic.held == 1
}

// free notes that a lane does not wait for a failed message any more. It reports whether it was the last one of the
// topic.
func (c *Consumer) free(l *lane) (last bool) {
	if l.retry != nil {
		l.retry.Stop()
		l.retry = nil
	}
	if !l.held {
		return false
	}
	l.held = false
	delete(c.held, l)
	l.feed.topic.held--
	return l.feed.topic.held == 0
}
