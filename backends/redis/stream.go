package redis

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/signalcast/signalcast"
)

// stream is the queue of one stream while it has messages. One goroutine serves
// it, which is what keeps its order.
type stream struct {
	name    string
	queue   []*pending
	written int // messages that were taken out of the queue
}

const (
	// batchBytes is how many bytes of values a batch has when it is not made larger.
	batchBytes = 1 << 20

	firstBackoff = 20 * time.Millisecond
	maxBackoff   = time.Second

	// idempotencyIDs is how many messages share one producer name. A server
	// recognises the last 100 of each by default.
	idempotencyIDs = 64
	// idempotencyTime is how long it recognises them.
	idempotencyTime = 100 * time.Second
)

// enqueue hands p to the goroutine that serves its stream, and starts it where
// there is none.
func (b *Backend) enqueue(p *pending) {
	name := p.message.Topic
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.streams[name]
	if s == nil {
		s = &stream{name: name}
		b.streams[name] = s
		b.start(s)
	}
	s.queue = append(s.queue, p)
}

// fill makes the batch as large as it may be with what waits. When there is
// nothing at all, the stream ends.
func (b *Backend) fill(s *stream, batch []*pending) []*pending {
	b.mu.Lock()
	defer b.mu.Unlock()
	bytes := 0
	for _, p := range batch {
		bytes += len(p.message.Event.Value)
	}
	if batch == nil {
		batch = make([]*pending, 0, min(len(s.queue), b.batchMessages))
	}
	n := 0
	for n < len(s.queue) && len(batch) < b.batchMessages && (len(batch) == 0 || bytes < batchBytes) {
		p := s.queue[n]
		p.number = b.numbers.Add(1)
		p.producer = &b.producers[s.written/idempotencyIDs%len(b.producers)]
		s.written++
		s.queue[n] = nil
		n++
		bytes += len(p.message.Event.Value)
		batch = append(batch, p)
	}
	s.queue = s.queue[n:]
	if len(batch) == 0 {
		delete(b.streams, s.name)
	}
	return batch
}

// serve writes what waits for the stream until there is nothing more. When ctx
// ends it gives up the rest.
func (b *Backend) serve(ctx context.Context, s *stream) {
	var (
		batch    []*pending
		failures int   // attempts in a row after which something has to be tried again
		cause    error // why the last one failed
	)
	for {
		batch = b.fill(s, batch)
		if len(batch) == 0 {
			return
		}
		batch = b.expire(ctx, batch, cause)
		if len(batch) == 0 {
			continue
		}
		var wrote bool
		var err error
		batch, wrote, err = b.attempt(ctx, s.name, batch)
		if ctx.Err() != nil {
			continue // err may be due to that; cause says what went wrong before
		}
		cause = err
		switch {
		case cause != nil:
			failures++
			if failures == 1 {
				b.log.WarnContext(ctx, "writing to the stream fails",
					slog.String("stream", s.name), slog.Any("error", cause))
			}
			b.pause(ctx, failures, batch)
		case failures > 0 && wrote:
			failures = 0
			b.log.InfoContext(ctx, "writing to the stream works again", slog.String("stream", s.name))
		}
	}
}

// expire fails the messages whose time is up, and all when ctx has ended, each
// with the cause that kept it. It returns the others.
func (b *Backend) expire(ctx context.Context, batch []*pending, cause error) []*pending {
	closed, reason := ctx.Err() != nil, ErrDeliveryTimeout
	if closed {
		reason = signalcast.ErrClosed
	}
	if cause != nil {
		reason = fmt.Errorf("%w: %w", reason, cause)
	}
	now := time.Now()
	return b.settle(batch, func(i int) verdict {
		if !closed && now.Sub(batch[i].accepted) < b.deliveryTimeout {
			return undecided
		}
		return failed(reason)
	})
}

// attempt writes the batch once and reports what was decided by that. It returns
// the messages that have to be tried again, whether any was written, and why the
// attempt failed if another one is to wait a little.
func (b *Backend) attempt(ctx context.Context, name string, batch []*pending) (left []*pending, wrote bool, cause error) {
	session, err := b.sessions.get(ctx, name, batch[0].accepted.Add(b.deliveryTimeout))
	if err != nil {
		if heals(err) {
			return batch, false, err
		}
		return b.settle(batch, func(int) verdict { return failed(err) }), false, err
	}
	for _, p := range batch {
		guarded := session.idempotent && !p.unguarded && time.Since(p.accepted) < idempotencyTime
		if p.lost && !guarded {
			b.duplicates.Add(1)
		}
	}
	outcomes := session.write(ctx, batch, &b.maxLen)
	left = b.settle(batch, func(i int) verdict {
		switch err := outcomes[i].err; {
		case err == nil:
			wrote = true
			return verdict{decided: true, id: outcomes[i].id}
		case !isReply(err):
			cause = err
			batch[i].lost = true
			batch[i].unguarded = batch[i].unguarded || !session.idempotent
			return undecided
		case heals(err):
			cause = err
			return undecided
		default:
			return failed(err)
		}
	})
	failure := cause
	if failure == nil && b.trims != nil && b.trims.wrote(name, len(outcomes)) {
		failure = b.trims.look(ctx, session, name)
	}
	if failure != nil {
		b.sessions.retire(ctx, session)
	} else {
		b.sessions.put(session)
	}
	return left, wrote, cause
}

// verdict is what is to be reported about a message.
type verdict struct {
	decided bool
	id      string // of the entry, where the message was written
	err     error  // why it was not; nil where it was
}

var undecided verdict //nolint:gochecknoglobals // a constant

func failed(err error) verdict { return verdict{decided: true, err: err} }

// settle reports the fate of the messages that are decided and returns the
// others, in order.
func (b *Backend) settle(batch []*pending, decide func(i int) verdict) (left []*pending) {
	for i, p := range batch {
		switch v := decide(i); {
		case !v.decided:
			left = append(left, p)
			continue
		case v.err == nil:
			p.done(signalcast.Receipt{ID: v.id}, nil)
		default:
			p.done(signalcast.Receipt{}, &signalcast.DeliveryError{Fate: p.fate(), Err: v.err})
		}
		b.buffer.Give(p.place)
	}
	return left
}

// pause waits before the next attempt: longer after every failure, not beyond
// the end of the batch's time or of ctx.
func (b *Backend) pause(ctx context.Context, failures int, batch []*pending) {
	backoff := min(maxBackoff, firstBackoff<<min(failures-1, 10))
	backoff = backoff/2 + rand.N(backoff/2) //nolint:gosec // jitter, not a secret
	if len(batch) > 0 {
		backoff = min(backoff, time.Until(batch[0].accepted.Add(b.deliveryTimeout)))
	}
	timer := time.NewTimer(backoff)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
