package consume

import (
	"context"
	"time"
)

// FeedConfig describes a feed.
type FeedConfig struct {
	// Topic is the full name of the topic or stream, and Partition the partition of a Kafka topic.
	Topic     string
	Partition int32
	// Ordered is true if an acknowledgement covers all messages before it, as a Kafka offset does. Take then
	// returns only the last of the messages whose predecessors are all handled.
	Ordered bool
	// Notify gets a value when Take or Room may return more than before. The consumer does not block on it, so it should
	// have a buffer. Feeds may share it. Nil means that the source does not wait.
	Notify chan<- struct{}
}

// Feed is a partition or stream that a source reads at present. Its methods are safe for concurrent
// use, except that calls of Add must not overlap.
type Feed struct {
	config   FeedConfig
	consumer *Consumer
	topic    *topicCounts
	events   eventReader // used by Add only

	ctx    context.Context //nolint:containedctx // of receivers
	cancel context.CancelFunc

	// What follows is guarded by consumer.mu.

	lanes    []lane
	until    time.Time // handling must not begin later; zero means no limit
	waiting  []*lane   // ready, when until had passed
	closed   bool
	draining bool
	notified bool

	added   int64 // sequence of the last message
	started int64 // largest sequence whose handling began
	pending int   // neither finished nor returned
	idle    chan struct{}

	// An ordered feed has its messages in order, from the first that is not finished on. Another feed has those that are
	// not acknowledged, in any order.
	items   []*item
	handled []Position // finished, for Take
	unacked int        // finished, before Acknowledged
	taken   int        // of unacked, those that Take returned

	backlog int64 // -1 means unknown
}

// Position is the place of a message in its partition or stream.
type Position struct {
	// Offset is Message.Offset, and ID is Message.ID.
	Offset int64
	ID     string
}

func newFeed(c *Consumer, config FeedConfig) *Feed {
	f := &Feed{config: config, consumer: c, backlog: -1, lanes: make([]lane, c.laneCount())}
	for i := range f.lanes {
		f.lanes[i].feed = f
	}
	f.events = newEventReader(c, config.Topic)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	c.mu.Lock()
	defer c.mu.Unlock()
	f.topic = c.countsOf(config.Topic)
	c.feeds[f] = struct{}{}
	return f
}

// Room returns how many messages may be added now.
func (f *Feed) Room() int {
	f.consumer.mu.Lock()
	defer f.consumer.mu.Unlock()
	f.notified = false
	return f.room()
}

func (f *Feed) room() int {
	limit := f.consumer.config.MaxInFlight
	if f.unacked >= limit || f.closed || f.draining {
		return 0
	}
	held := f.pending
	if f.config.Ordered {
		held = len(f.items)
	}
	return max(0, limit-held)
}

// Add gives messages to the consumer, which owns the slice then, in the order of the partition or stream. It does not block. The caller should
// not add more than Room. After Drain or Close, the messages are counted as returned.
func (f *Feed) Add(messages []Message) {
	for len(messages) > 0 {
		n := min(len(messages), maxBlock)
		f.add(messages[:n])
		messages = messages[n:]
	}
	f.events.decoder.Reset()
}

// maxBlock is the number of messages that are added at once, so that workers begin early and never wait long for the lock. A message
// that waits for its next attempt keeps the memory of its block.
const maxBlock = 64

func (f *Feed) add(messages []Message) {
	items := make([]item, len(messages))
	for i := range messages {
		it := &items[i]
		it.ctx = messageContext{f.ctx, &messages[i]}
		it.lane = &f.lanes[f.events.prepare(it)%uint64(len(f.lanes))]
	}
	if !f.accept(items) {
		return
	}
	for i := range items {
		if items[i].skipped {
			f.consumer.reportSkipped(&messages[i], items[i].eventType())
		}
	}
}

// accept adds items to their lanes. It reports false after Drain or Close.
func (f *Feed) accept(items []item) bool {
	c := f.consumer
	c.mu.Lock()
	defer c.mu.Unlock()
	n := int64(len(items))
	f.topic.Received += n
	if f.closed || f.draining {
		f.topic.Returned += n
		return false
	}
	f.topic.Pending += n
	f.pending += len(items)
	for i := range items {
		it := &items[i]
		f.added++
		it.sequence = f.added
		it.index = len(f.items)
		f.items = append(f.items, it)
		if it.skipped {
			f.finish(it, &f.topic.Skipped)
			continue
		}
		c.enqueue(it)
	}
	c.wakeWorker()
	return true
}

// finish counts a message whose handling is over, whatever the result, and notes that it can be acknowledged.
func (f *Feed) finish(it *item, count *int64) {
	*count++
	f.topic.Pending--
	f.pending--
	it.done = true
	it.event = nil
	if !f.config.Ordered {
		f.forget(it)
		f.handled = append(f.handled, Position{it.message().Offset, it.message().ID})
		f.unacked++
	} else if f.items[0] == it {
		n := 1
		for n < len(f.items) && f.items[n].done {
			n++
		}
		last := f.items[n-1].message()
		f.handled = append(f.handled[:0], Position{last.Offset, last.ID})
		f.unacked += n
		clear(f.items[:n])
		f.items = f.items[n:]
	}
	f.changed()
}

// forget removes an item from a feed that is not ordered.
func (f *Feed) forget(it *item) {
	last := len(f.items) - 1
	f.items[it.index] = f.items[last]
	f.items[it.index].index = it.index
	f.items[last] = nil
	f.items = f.items[:last]
}

// changed notifies the source and those who wait for the feed.
func (f *Feed) changed() {
	if f.idle != nil && f.pending == 0 {
		close(f.idle)
		f.idle = nil
	}
	if f.config.Notify != nil && !f.notified {
		f.notified = true
		select {
		case f.config.Notify <- struct{}{}:
		default:
		}
	}
}

// Take appends to list the messages that can be acknowledged and were not returned by Take before. An ordered feed has at
// most one. n is the number of messages that they stand for, for Acknowledged.
func (f *Feed) Take(list []Position) (taken []Position, n int) {
	f.consumer.mu.Lock()
	defer f.consumer.mu.Unlock()
	f.notified = false
	list = append(list, f.handled...)
	f.handled = f.handled[:0]
	n, f.taken = f.unacked-f.taken, f.unacked
	return list, n
}

// Acknowledged reports that the broker has acknowledged n messages.
func (f *Feed) Acknowledged(n int) {
	if n == 0 {
		return // nothing changed, so a source that calls it after each Take waits
	}
	f.consumer.mu.Lock()
	defer f.consumer.mu.Unlock()
	f.unacked -= n
	f.taken -= n
	f.changed()
}

// Unacknowledged returns the number of messages that are handled and not acknowledged.
func (f *Feed) Unacknowledged() int {
	f.consumer.mu.Lock()
	defer f.consumer.mu.Unlock()
	return f.unacked
}

// InFlight returns the IDs of the messages that Take has not returned. It is for feeds that are not ordered.
func (f *Feed) InFlight() map[string]bool {
	f.consumer.mu.Lock()
	defer f.consumer.mu.Unlock()
	ids := make(map[string]bool, len(f.items)+len(f.handled))
	for _, it := range f.items {
		ids[it.message().ID] = true
	}
	for _, p := range f.handled {
		ids[p.ID] = true
	}
	return ids
}

// Extend sets the time after which the consumer must not begin to handle messages, because another process
// may have taken the partition or stream over. The zero time, which is the default, means no limit.
func (f *Feed) Extend(until time.Time) {
	c := f.consumer
	c.mu.Lock()
	defer c.mu.Unlock()
	f.until = until
	for _, l := range f.waiting {
		c.makeReady(l)
	}
	f.waiting = nil
	c.wakeWorker()
}

// SetBacklog sets the number of messages behind the last one added, for [Consumer.Status]. -1 means unknown, the
// default.
func (f *Feed) SetBacklog(n int64) {
	f.consumer.mu.Lock()
	defer f.consumer.mu.Unlock()
	f.backlog = n
}

// Lost counts messages that the broker removed before they were read.
func (f *Feed) Lost(n int64) {
	f.consumer.mu.Lock()
	defer f.consumer.mu.Unlock()
	f.topic.Lost += n
}

// Drain begins no further message and waits for those that began. An ordered feed also handles the messages before
// the newest one that began, so that an acknowledgement covers each handled message. Others are returned. Drain
// returns ctx.Err() if ctx ends first.
func (f *Feed) Drain(ctx context.Context) error {
	c := f.consumer
	c.mu.Lock()
	if f.closed {
		c.mu.Unlock()
		return nil
	}
	f.draining = true
	for i := range f.lanes {
		f.cut(&f.lanes[i])
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	idle := f.idle
	if f.pending == 0 {
		close(f.idle)
		f.idle = nil
	}
	c.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // documented
	}
}

// cut returns the messages of a lane that Drain does not handle.
func (f *Feed) cut(l *lane) {
	keep := func(it *item) bool {
		if l.stopped || !l.busy && !f.config.Ordered {
			return false
		}
		if f.config.Ordered {
			return it.sequence <= f.started
		}
		return it == l.first
	}
	for l.first != nil && !keep(l.first) {
		l.drop(nil)
	}
	for before := l.first; before != nil; before = before.next {
		for before.next != nil && !keep(before.next) {
			l.drop(before)
		}
	}
}

// Close ends the feed. Messages that are not handled are returned, and the contexts of their receivers end.
// What they do later has no effect on the counts.
func (f *Feed) Close() {
	f.cancel()
	c := f.consumer
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.closed {
		return
	}
	f.closed, f.waiting = true, nil
	f.topic.Returned += int64(f.pending)
	f.topic.Pending -= int64(f.pending)
	f.pending = 0
	f.changed()
	for i := range f.lanes {
		c.free(&f.lanes[i])
	}
	f.items, f.handled = nil, nil
	delete(c.feeds, f)
}
