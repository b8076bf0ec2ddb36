package kafka

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// partition writes the records of one partition, in order and one batch at a time.
type partition struct {
	writer *writer
	topic  string
	number int32

	// Guarded by writer.mu:
	queue   []kafkabus.Record
	served  bool  // a goroutine runs serve
	leader  int32 // the ID of the broker
	leaving bool  // the topic no longer has the partition, and its records are to move

	// Used by that goroutine only:
	pending  []kafkabus.Record // moved from the queue, those of the batch first
	attempts *backendkit.Attempts
	space    []byte    // the memory of the last batch, for the next
	sequence *sequence // nil if the partition needs a new producer
	limit    int       // the largest number of records in a batch, after a larger one was rejected; 0 means no limit
}

// batch is a number of records that are written at once.
type batch struct {
	records []kafkabus.Record // the first of pending; records with an outcome are zero
	encoded []byte            // nil before the first attempt
	// mayBeWritten is true if an attempt may have succeeded. The batch does not change then, so
	// that brokers recognise it.
	mayBeWritten bool
	// vanished is true if mayBeWritten is true only because a broker replied that the partition does
	// not exist.
	vanished bool
	// unreplied is true if an attempt had no reply. The client may still read encoded.
	unreplied bool
}

// serve writes the queued records until none is left.
func (p *partition) serve(ctx context.Context) {
	var (
		b       batch
		cause   error // of the last failed attempt
		repeats int
	)
	for p.fill(&b) {
		if !p.expire(&b, cause) {
			p.drop(&b)
			if permanent(cause) {
				cause = nil // it concerns that batch only
			}
			continue
		}
		err := p.attempt(ctx, &b)
		if ctx.Err() != nil {
			continue // err may come from the end of ctx; cause is from before
		}
		if errors.Is(err, errBusy) {
			if cause == nil {
				cause = err
			}
			p.attempts.Failed(cause)
			continue
		}
		cause = err
		if cause == nil {
			repeats = 0
			continue
		}
		// Brokers close idle connections, and those whose credentials are to be renewed.
		if repeats > 0 || !closedByBroker(cause) {
			p.attempts.Failed(explain(cause))
		}
		p.pause(ctx, &b, repeats)
		repeats++
	}
}

// fill adds records to the batch up to the limits, unless the batch may have been written. It
// returns false, and serve must end, if there is nothing to write.
func (p *partition) fill(b *batch) bool {
	if b.mayBeWritten && p.keep(b) {
		return true
	}
	if !p.moveQueued() {
		return false
	}
	var n, size int
	for n < len(p.pending) && (p.limit == 0 || n < p.limit) {
		size += p.pending[n].BatchBytes()
		if n > 0 && size > p.writer.maxBytes {
			break
		}
		n++
	}
	*b = batch{records: p.pending[:n]}
	return true
}

// keep reports whether a batch that may have been written stays with the partition. If the partition
// was removed, all other records move. The batch moves too if it was written to the removed
// partition or not at all.
func (p *partition) keep(b *batch) bool {
	p.writer.mu.Lock()
	defer p.writer.mu.Unlock()
	if p.leaving && b.vanished {
		return false
	}
	if p.leaving {
		p.writer.leave(p, len(b.records))
	}
	return true
}

// moveQueued moves the queued records to pending. If no record is pending, it releases the memory
// and returns false, and serve must end.
func (p *partition) moveQueued() bool {
	p.writer.mu.Lock()
	defer p.writer.mu.Unlock()
	if p.leaving {
		p.writer.leave(p, 0)
	}
	p.pending = append(p.pending, p.queue...)
	clear(p.queue)
	p.queue = p.queue[:0]
	p.served = len(p.pending) > 0
	if !p.served {
		p.pending, p.queue, p.space = nil, nil, nil
		p.attempts.Ended() // before another goroutine can serve the partition
	}
	return p.served
}

// expire fails the records that timed out and reports whether any is left. If the batch is encoded,
// the other records keep their positions in it.
func (p *partition) expire(b *batch, cause error) bool {
	v, left := p.writer.verdictOn(cause), 0
	for i := range b.records {
		r := &b.records[i]
		if r.Completed() {
			continue
		}
		if reason := v.of(r); reason != nil {
			r.Failed(b.fate(), reason)
			*r = kafkabus.Record{}
			continue
		}
		left++
	}
	if b.encoded == nil && left < len(b.records) {
		p.pending = slices.DeleteFunc(p.pending, func(r kafkabus.Record) bool { return r.Completed() })
		b.records = p.pending[:left]
	}
	return left > 0
}

// attempt writes the batch once and reports the outcomes that are known by then. If records must be
// retried, it returns the cause.
func (p *partition) attempt(ctx context.Context, b *batch) error {
	slots, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer func() { <-slots }()
	if p.sequence == nil {
		s, err := p.writer.cluster.sequence(ctx)
		if err != nil {
			p.writer.cluster.refresh()
			return err
		}
		p.sequence = &s
	}
	if b.encoded == nil {
		b.encoded = p.writer.encoder.encode(p.space, b.records, *p.sequence)
		p.space = nil
	}
	limited, cancel := context.WithDeadline(ctx, p.attemptUntil(b))
	defer cancel()
	result := p.writer.cluster.produce(limited, p.topic, p.number, b.encoded)
	if result.err == nil {
		p.delivered(b, result.offset)
		return nil
	}
	if result.mayBeWritten {
		b.vanished = (b.vanished || !b.mayBeWritten) && errors.Is(result.err, kafka.UnknownTopicOrPartition)
		b.mayBeWritten = true
	}
	b.unreplied = b.unreplied || !result.replied
	switch err := result.err; {
	case losesSequence(err):
		p.sequence, b.encoded = p.sequence.renewed(), nil
		if losesProducer(err) {
			p.sequence = nil
		}
		return err
	case rejectsContent(err):
		if len(b.records) > 1 && !b.mayBeWritten {
			p.limit = len(b.records) / 2 // until the rejected record is alone
			return nil
		}
		p.failed(b, explain(err))
		return nil
	case permanent(err):
		p.failed(b, explain(err))
		return nil
	default:
		p.writer.cluster.refresh()
		p.writer.rediscover(p.topic)
		if rejection := p.writer.rejectionOf(p.topic); rejection != nil && errors.Is(err, errUnknownLeader) {
			if p.attempts.Failing() {
				p.attempts.Failed(explain(rejection))
			}
			p.failed(b, explain(rejection))
			return nil
		}
		return err
	}
}

// errBusy means that the broker of the partition has not replied to many other batches.
var errBusy = errors.New("the broker does not reply")

// acquire waits for a slot of the broker that leads the partition. It returns errBusy after a while,
// so that the caller checks timeouts, and because another broker may lead the partition by then.
func (p *partition) acquire(ctx context.Context) (chan struct{}, error) {
	slots := p.writer.slotsOf(p)
	select {
	case slots <- struct{}{}:
		return slots, nil
	default:
	}
	timer := time.NewTimer(slotPatience)
	defer timer.Stop()
	select {
	case slots <- struct{}{}:
		return slots, nil
	case <-timer.C:
		p.writer.rediscover(p.topic)
		return nil, errBusy
	case <-ctx.Done():
		return nil, ctx.Err() //nolint:wrapcheck // the caller's own error
	}
}

// slotPatience is the longest wait for a slot between two checks of timeouts.
const slotPatience = 500 * time.Millisecond

func (p *partition) delivered(b *batch, offset int64) {
	p.attempts.Succeeded()
	p.sequence.advance(len(b.records))
	kafkabus.Delivered(b.records, p.number, offset)
	if !b.unreplied {
		p.space = b.encoded
	}
	p.finish(b)
}

func (p *partition) failed(b *batch, cause error) {
	for i := range b.records {
		if r := &b.records[i]; !r.Completed() {
			r.Failed(b.fate(), cause)
		}
	}
	p.drop(b)
}

// drop ends a batch that is not retried.
func (p *partition) drop(b *batch) {
	if b.mayBeWritten {
		p.sequence = p.sequence.renewed() // the broker may have counted the batch, or may read it later
	}
	p.finish(b)
}

// finish ends a batch whose records have outcomes.
func (p *partition) finish(b *batch) {
	p.pending = slices.Delete(p.pending, 0, len(b.records))
	*b = batch{}
	p.relax()
}

// relax doubles the limit, until it has no effect.
func (p *partition) relax() {
	const enough = 1 << 10
	if p.limit *= 2; p.limit > enough {
		p.limit = 0
	}
}

// pause waits before the next attempt, at most until the oldest record times out.
func (p *partition) pause(ctx context.Context, b *batch, repeats int) {
	until, cancel := context.WithDeadline(ctx, p.deadline(b))
	defer cancel()
	_ = backendkit.Pause(until, repeats+1, 0) // expire sees which of the two has ended
}

// deadline returns when the oldest record of the batch times out.
func (p *partition) deadline(b *batch) time.Time {
	for i := range b.records {
		if r := &b.records[i]; !r.Completed() {
			return r.Accepted.Add(p.writer.timeout)
		}
	}
	return time.Now()
}

// attemptUntil returns when an attempt must end, so that timeouts are reported in time: not before
// shortestAttempt, since a slow broker could not reply to any batch then.
func (p *partition) attemptUntil(b *batch) time.Time {
	until, shortest := p.deadline(b), time.Now().Add(shortestAttempt)
	if until.Before(shortest) {
		return shortest
	}
	return until
}

const shortestAttempt = time.Second

func (b *batch) fate() signalcast.Fate {
	if b.mayBeWritten {
		return signalcast.FateUnknown
	}
	return signalcast.FateNotWritten
}
