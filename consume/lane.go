package consume

import (
	"time"

	"github.com/signalcast/signalcast"
)

// item is a message in a consumer, until its handling is over.
type item struct {
	message *Message
	event   *signalcast.Received // nil if err is set
	err     error                // why the message can never be handled
	skipped bool
	hash    uint64 // of the key

	eventType string // empty if it cannot be read

	feed     *Feed
	lane     *lane
	sequence int64 // in the feed
	position Position
	index    int // in the items of a feed that is not ordered
	done     bool
	result   outcome // of the last attempt, before its hook is called
	next     *item   // in the lane
	ctx      messageContext

	attempts int       // failed ones that count
	failures int       // failed attempts to handle the message, and then to publish its dead letter
	failed   time.Time // the first failure
	handled  int64     // messages of the topic that were handled, at the end of the last attempt
	retryAt  time.Time
	lastErr  error
}

// lane is a hash slot of keys of a feed. Its messages are handled one after the other.
type lane struct {
	feed        *Feed
	first, last *item
	busy        bool        // first is being handled
	stopped     bool        // first stopped the consumer
	ready       bool        // in the queue of ready lanes
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
	if it.failures > 0 {
		f.consumer.free(l)
	}
	f.topic.Returned++
	f.topic.Pending--
	f.pending--
	if !f.config.Ordered {
		last := len(f.items) - 1
		f.items[it.index] = f.items[last]
		f.items[it.index].index = it.index
		f.items[last] = nil
		f.items = f.items[:last]
	}
}

// enqueue adds a message to its lane. It is called with mu held, as all functions of this file.
func (c *Consumer) enqueue(l *lane, it *item) {
	it.lane = l
	if l.first == nil {
		l.first, l.last = it, it
		c.makeReady(l)
		return
	}
	l.last.next = it
	l.last = it
}

// makeReady queues a lane, unless it is empty, or its first message is being handled or waits for its next attempt.
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
	c.wake.Signal()
}

// nextItem waits for a message to handle. It returns nil when the workers are to end.
func (c *Consumer) nextItem() *item {
	for {
		for c.readyFirst == nil {
			if c.ending {
				return nil
			}
			c.wake.Wait()
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
		}
	})
	l.retry = timer
	if _, held := c.held[l]; held {
		return false
	}
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
	if _, held := c.held[l]; !held {
		return false
	}
	delete(c.held, l)
	l.feed.topic.held--
	return l.feed.topic.held == 0
}
