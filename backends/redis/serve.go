package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// serve writes the messages of the stream until none is left. When ctx ends, it gives up the
// rest. It halves the batch after each failure, so that a message that ends the
// connection, because it is too large for the server, does not hold others back.
func (b *Backend) serve(ctx context.Context, s *stream) {
	var (
		failures int   // failed attempts in a row
		cause    error // of the last failure
		attempts = b.troubles.To(s.name)
	)
	defer attempts.Ended()
	for b.refill(s) {
		b.expire(ctx, s, cause)
		if len(s.waiting()) == 0 {
			continue
		}
		wrote, err := b.attempt(ctx, s, attempts, max(1, b.batchMessages>>failures))
		if ctx.Err() != nil {
			continue // err may come from the end of ctx; cause is from before
		}
		cause = err
		switch {
		case cause != nil:
			failures++
			attempts.Failed(cause)
			b.pause(ctx, failures, s)
		case wrote:
			failures = 0
			attempts.Succeeded()
		}
	}
}

// expire fails the messages of the next batch that have timed out, or all of them if ctx has
// ended, with the cause of the last failure.
func (b *Backend) expire(ctx context.Context, s *stream, cause error) {
	closed, reason := ctx.Err() != nil, signalcast.ErrDeliveryTimeout
	if closed {
		reason = signalcast.ErrClosed
	}
	if cause != nil {
		reason = fmt.Errorf("%w: %w", reason, cause)
	}
	now := time.Now()
	batch := s.batch(0, b.batchMessages)
	b.complete(s, len(batch), func(i int) verdict {
		if !closed && now.Sub(batch[i].accepted) < b.deliveryTimeout {
			return undecided
		}
		return failed(reason)
	})
}

// attempt writes messages until one must be retried, none is left, or another stream waits
// for the connection. wrote reports whether a message was written. cause is the reason to pause
// before the next attempt. The first batch has at most the given number of messages.
func (b *Backend) attempt(ctx context.Context, s *stream, attempts *backendkit.Attempts, messages int) (wrote bool, cause error) {
	session, err := b.servers.get(ctx, s, s.waiting()[0].accepted.Add(b.deliveryTimeout))
	if err != nil {
		if !heals(err) {
			b.complete(s, len(s.batch(0, b.batchMessages)), func(int) verdict { return failed(err) })
		}
		return false, err
	}
	wrote, cause = b.write(ctx, s, session, attempts, messages)
	if cause == nil && !session.unread() {
		session.node.put(session)
		return wrote, nil
	}
	b.servers.retire(session)
	if session.asking {
		s.migratingTo = "" // the slot may have stayed where it was
	} else if s.migratingTo = migratingTo(cause); s.migratingTo != "" {
		return wrote, nil // nothing was written; the next attempt asks there at once
	}
	return wrote, cause
}

// write writes one batch after the other. While the server executes one, the next is prepared,
// except after failures: the message that made larger batches fail may be next.
func (b *Backend) write(ctx context.Context, s *stream, session *session, attempts *backendkit.Attempts, messages int) (wrote bool, cause error) {
	batch := s.batch(0, messages)
	b.countRepeated(batch, session)
	session.send(batch, b.maxLen)
	look := false // check the consumers, which requires that nothing is prepared
	for {
		count, next := len(batch), []pending(nil)
		if !look && messages == b.batchMessages {
			next, cause = b.prepare(s, count, session)
		}
		outcomes := session.receive(count)
		session.progress()
		if session.node.durability.needed() {
			outcomes, cause = b.confirm(ctx, s, session, outcomes, attempts)
			count = len(outcomes)
		}
		for _, o := range outcomes {
			if o.err != nil && heals(o.err) {
				cause = o.err
			}
		}
		// Only now it is certain that no message of the next batch overtakes.
		if cause == nil && len(next) > 0 {
			b.countRepeated(next, session)
			session.commit()
		}
		batch = s.waiting()[:count]
		b.complete(s, count, func(i int) verdict {
			err := outcomes[i].err
			if err == nil {
				wrote = true
				return verdict{decided: true, id: outcomes[i].id}
			}
			if !isReply(err) || errors.As(err, new(*unconfirmedError)) {
				batch[i].unguarded = batch[i].unguarded || !session.recognises(batch, i)
				batch[i].lost = true
			}
			if !heals(err) {
				return failed(err)
			}
			return undecided
		})
		if cause == nil && b.trims != nil && b.trims.wrote(s.name, count) {
			look = true
		}
		switch {
		case cause != nil:
			return wrote, cause
		case len(next) > 0:
			batch = next
		case look:
			return wrote, b.trims.look(ctx, session, s.name)
		default:
			return wrote, nil
		}
	}
}

// minPrepared is the smallest number of messages that are prepared. Fewer wait for the batch
// before them, and for more messages.
const minPrepared = 8

// prepare prepares the batch behind the one in flight and returns it. It returns none if the
// server may reject transactions, if another stream waits for a connection, or if the
// connection waits for replicas.
func (b *Backend) prepare(s *stream, inFlight int, session *session) ([]pending, error) {
	if !session.transacts || session.asking || session.node.wanting.Load() > 0 || session.node.durability.needed() {
		return nil, nil
	}
	b.refill(s)
	next := s.batch(inFlight, b.batchMessages)
	if len(next) < minPrepared || time.Since(next[0].accepted) >= b.deliveryTimeout {
		return nil, nil
	}
	return next, session.prepare(next, b.maxLen)
}

// countRepeated counts the messages of a batch that may be written again.
func (b *Backend) countRepeated(batch []pending, session *session) {
	for i := range batch {
		p := &batch[i]
		if !p.lost {
			continue
		}
		guarded := session.recognises(batch, i) && !p.unguarded && time.Since(p.accepted) < idempotencyTime
		if !guarded {
			b.duplicates.Add(1)
		}
	}
}

// pause waits before the next attempt, at most until the first message times out or another node
// of the cluster serves the stream.
func (b *Backend) pause(ctx context.Context, failures int, s *stream) {
	limit := time.Duration(0)
	if waiting := s.waiting(); len(waiting) > 0 {
		limit = max(1, time.Until(waiting[0].accepted.Add(b.deliveryTimeout)))
	}
	wait := backendkit.Backoff(failures)
	if limit > 0 {
		wait = min(wait, limit)
	}
	var left chan struct{} // blocks for ever for a single server
	if s.node != nil {
		left = s.node.left
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-left:
	case <-ctx.Done(): // the next attempt sees it
	}
}
