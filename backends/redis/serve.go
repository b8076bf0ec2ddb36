package redis

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// serve writes what waits for the stream until there is nothing more. When ctx
// ends it gives up the rest. After each failure it tries half as many messages: one
// that ends the connection, too large for the server say, takes no others with it.
func (b *Backend) serve(ctx context.Context, s *stream) {
	var (
		failures int   // attempts in a row after which something has to be tried again
		cause    error // why the last one failed
	)
	for b.refill(s) {
		b.expire(ctx, s, cause)
		if len(s.waiting()) == 0 {
			continue
		}
		wrote, err := b.attempt(ctx, s, max(1, b.batchMessages>>failures))
		if ctx.Err() != nil {
			continue // err may be due to that; cause says what went wrong before
		}
		cause = err
		switch {
		case cause != nil:
			failures++
			if failures == 1 {
				b.Logger().WarnContext(ctx, "writing to the stream fails",
					slog.String("stream", s.name), slog.Any("error", cause))
			}
			b.pause(ctx, failures, s)
		case failures > 0 && wrote:
			failures = 0
			b.Logger().InfoContext(ctx, "writing to the stream works again", slog.String("stream", s.name))
		}
	}
}

// expire fails the messages of the next batch whose time is up, and all of it
// when ctx has ended, each with the cause that kept it.
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
	b.settle(s, len(batch), func(i int) verdict {
		if !closed && now.Sub(batch[i].accepted) < b.deliveryTimeout {
			return undecided
		}
		return failed(reason)
	})
}

// attempt writes what waits until something has to be tried again, or nothing is
// left, or another stream is to have its turn. It reports whether any message was
// written, and why the attempt failed if another one is to wait a little. Its
// first batch has at most that many messages.
func (b *Backend) attempt(ctx context.Context, s *stream, messages int) (wrote bool, cause error) {
	session, err := b.sessions.get(ctx, s.name, s.waiting()[0].accepted.Add(b.deliveryTimeout))
	if err != nil {
		if !heals(err) {
			b.settle(s, len(s.batch(0, b.batchMessages)), func(int) verdict { return failed(err) })
		}
		return false, err
	}
	wrote, cause = b.write(ctx, s, session, messages)
	if cause != nil || session.unread() {
		b.sessions.retire(ctx, session)
	} else {
		b.sessions.put(session)
	}
	return wrote, cause
}

// write writes batch after batch. While the server carries out one, the next is
// prepared, but not behind a small one: what made larger ones fail may be next.
func (b *Backend) write(ctx context.Context, s *stream, session *session, messages int) (wrote bool, cause error) {
	batch := s.batch(0, messages)
	b.countRepeated(batch, session)
	session.send(batch, b.maxLen)
	look := false // at the consumers, for which nothing may be prepared
	for {
		count, next := len(batch), []pending(nil)
		if !look && messages == b.batchMessages {
			next, cause = b.prepare(s, count, session)
		}
		outcomes := session.receive(count)
		for _, o := range outcomes {
			if o.err != nil && heals(o.err) {
				cause = o.err
			}
		}
		// Only now is it certain that nothing of the next batch overtakes.
		if cause == nil && len(next) > 0 {
			b.countRepeated(next, session)
			session.commit()
		}
		batch = s.waiting()[:count]
		b.settle(s, count, func(i int) verdict {
			err := outcomes[i].err
			switch {
			case err == nil:
				wrote = true
				return verdict{decided: true, id: outcomes[i].id}
			case !heals(err):
				return failed(err)
			case !isReply(err):
				batch[i].lost = true
				batch[i].unguarded = batch[i].unguarded || !session.idempotent
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

// minPrepared is how many messages are worth a transaction of their own. Fewer
// wait until the batch in front of them is written, and for more to come.
const minPrepared = 8

// prepare prepares the batch behind the one in flight and returns it. There is
// none where the server may reject transactions, or another stream waits for a connection.
func (b *Backend) prepare(s *stream, inFlight int, session *session) ([]pending, error) {
	if !session.transacts || b.sessions.wanting.Load() > 0 {
		return nil, nil
	}
	b.refill(s)
	next := s.batch(inFlight, b.batchMessages)
	if len(next) < minPrepared || time.Since(next[0].accepted) >= b.deliveryTimeout {
		return nil, nil
	}
	return next, session.prepare(next, b.maxLen)
}

// countRepeated counts the messages of a batch that may be written for the second time.
func (b *Backend) countRepeated(batch []pending, session *session) {
	for i := range batch {
		p := &batch[i]
		if !p.lost {
			continue
		}
		guarded := session.idempotent && !p.unguarded && time.Since(p.accepted) < idempotencyTime
		if !guarded {
			b.duplicates.Add(1)
		}
	}
}

// pause waits before the next attempt, at most until the first message times out.
func (b *Backend) pause(ctx context.Context, failures int, s *stream) {
	limit := time.Duration(0)
	if waiting := s.waiting(); len(waiting) > 0 {
		limit = max(1, time.Until(waiting[0].accepted.Add(b.deliveryTimeout)))
	}
	_ = backendkit.Pause(ctx, failures, limit) // the next attempt sees that ctx has ended
}
