package redis

import (
	"time"

	"github.com/signalcast/signalcast"
)

// stream is the queue of one stream while it has messages. One goroutine serves it, which
// keeps its order.
type stream struct {
	name string
	// node is the node of a cluster that was used last, or nil. migratingTo is the address of the
	// node that the slot of the stream is migrating to, or empty.
	node        *node
	migratingTo string
	// arriving are the messages that the goroutine has not seen. numbered is the number of
	// messages so far.
	arriving []pending
	numbered int
	// queue are the messages that it has seen. Those from head on have no outcome.
	queue []pending
	head  int
}

const (
	// batchBytes is the number of bytes of values after which a batch ends.
	batchBytes = 1 << 20

	// idempotencyIDs is the number of messages that share a producer name. By default, a
	// server recognises the last 100 of each.
	idempotencyIDs = 64
	// idempotencyTime is how long the server recognises them.
	idempotencyTime = 100 * time.Second
)

// enqueue gives p to the goroutine of its stream, and starts the goroutine if it does not run.
func (b *Backend) enqueue(p pending) {
	name := p.message.Topic
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.streams[name]
	if s == nil {
		s = &stream{name: name}
		b.streams[name] = s
		b.start(s)
	}
	b.numbered++
	p.number = b.numbered
	p.producer = &b.producers[s.numbered/idempotencyIDs%len(b.producers)]
	s.numbered++
	s.arriving = append(s.arriving, p)
}

// refill moves arriving messages to the queue. It removes the stream and returns false if
// there are no messages.
func (b *Backend) refill(s *stream) (more bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(s.queue)+len(s.arriving) > cap(s.queue) && s.head >= len(s.queue)/2 {
		left := copy(s.queue, s.waiting())
		clear(s.queue[left:])
		s.queue, s.head = s.queue[:left], 0
	}
	s.queue = append(s.queue, s.arriving...)
	clear(s.arriving)
	s.arriving = s.arriving[:0]
	if len(s.waiting()) == 0 {
		delete(b.streams, s.name)
		return false
	}
	return true
}

// waiting returns the messages without an outcome, in order.
func (s *stream) waiting() []pending { return s.queue[s.head:] }

// batch returns the next batch of at most the given number of messages, after skip others.
func (s *stream) batch(skip, messages int) []pending {
	waiting := s.waiting()[skip:]
	bytes := 0
	for i := range waiting[:min(messages, len(waiting))] {
		if bytes >= batchBytes {
			return waiting[:i]
		}
		bytes += len(waiting[i].message.Event.Value)
	}
	return waiting[:min(messages, len(waiting))]
}

// verdict is the decision about one message.
type verdict struct {
	decided bool
	id      string // of the entry, if the message was written
	err     error  // nil if the message was written
}

var undecided verdict //nolint:gochecknoglobals // a constant

func failed(err error) verdict { return verdict{decided: true, err: err} }

// complete reports the outcomes of the decided messages among the first count. The others
// keep waiting, in order.
func (b *Backend) complete(s *stream, count int, decide func(i int) verdict) {
	batch := s.waiting()[:count]
	left := 0
	for i := range batch {
		p := &batch[i]
		switch v := decide(i); {
		case !v.decided:
			left++
			continue
		case v.err == nil:
			p.done(signalcast.Receipt{ID: v.id}, nil)
		default:
			p.done(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: p.fate(), Err: v.err})
		}
		b.buffer.Release(p.room)
		*p = pending{}
	}
	s.head += count - left
	for i, to := count-1, count-1; to >= count-left; i-- {
		if batch[i].message != nil {
			batch[i], batch[to] = batch[to], batch[i]
			to--
		}
	}
}
