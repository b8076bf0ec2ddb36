package kafka

import (
	"context"
	"log/slog"
	"slices"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

// partition writes the records of one partition in order, one batch at a time.
type partition struct {
	writer *writer
	topic  string
	number int32

	// With the writer's mu held:
	queue  []kafkabus.Record
	served bool // a goroutine runs serve

	// Of that goroutine:
	pending  []kafkabus.Record // taken from the queue, those of the batch first
	room     []byte            // of the last batch, for the next
	sequence *sequence         // nil before the first batch, and when its state at the broker is not known
	failing  bool              // logged as such
	limit    int               // how many records a batch may have, where a larger one was rejected; else 0
}

// batch is what is written at once.
type batch struct {
	records []kafkabus.Record // the first of pending, settled where the outcome is reported
	encoded []byte            // nil before it is written
	// mayBeWritten says that an attempt may have succeeded. The batch stays as it
	// is then, so that brokers recognise it.
	mayBeWritten bool
	// unanswered says that an attempt was not answered: encoded may be read for longer.
	unanswered bool
}

// serve writes what is queued until there is nothing more.
func (p *partition) serve(ctx context.Context) {
	var (
		b       batch
		cause   error // why the last attempt failed
		repeats int
	)
	for p.fill(&b) {
		if !p.expire(&b, cause) {
			p.drop(&b)
			if permanent(cause) {
				cause = nil // of that batch; what heals keeps the next one too
			}
			continue
		}
		err := p.attempt(ctx, &b)
		if ctx.Err() != nil {
			continue // err may be due to that; cause says what went wrong before
		}
		cause = err
		if cause == nil {
			repeats = 0
			continue
		}
		if !p.failing {
			p.failing = true
			p.log().WarnContext(ctx, "writing to the partition fails", slog.Any("error", cause))
		}
		p.pause(ctx, &b, repeats)
		repeats++
	}
}

func (p *partition) log() *slog.Logger {
	return p.writer.log.Logger().With(slog.String("topic", p.topic), slog.Int("partition", int(p.number)))
}

// fill makes the batch as large as it may be, unless it may be written already.
// It reports false, and ends the serving, when there is nothing to write.
func (p *partition) fill(b *batch) bool {
	if b.mayBeWritten {
		return true
	}
	if !p.take() {
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

// take takes what is queued. It reports false, and ends the serving, when nothing
// is pending. What many records have needed is not kept for the next few then.
func (p *partition) take() bool {
	p.writer.mu.Lock()
	defer p.writer.mu.Unlock()
	p.pending = append(p.pending, p.queue...)
	clear(p.queue)
	p.queue = p.queue[:0]
	p.served = len(p.pending) > 0
	if !p.served {
		p.pending, p.queue, p.room = nil, nil, nil
	}
	return p.served
}

// expire gives up the records whose time is up, and reports whether any is left.
// In a batch that is encoded, the others keep their places.
func (p *partition) expire(b *batch, cause error) bool {
	v, left := p.writer.judge(cause), 0
	for i := range b.records {
		r := &b.records[i]
		if r.Settled() {
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
		p.pending = slices.DeleteFunc(p.pending, func(r kafkabus.Record) bool { return r.Settled() })
		b.records = p.pending[:left]
	}
	return left > 0
}

// attempt writes the batch once. It settles the records whose outcome is known
// by that and returns why the others have to be tried again.
func (p *partition) attempt(ctx context.Context, b *batch) error {
	select {
	case p.writer.slots <- struct{}{}:
		defer func() { <-p.writer.slots }()
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // says only that it ended
	}
	if p.sequence == nil {
		s, err := p.writer.cluster.sequence(ctx)
		if err != nil {
			p.writer.cluster.refresh()
			return err
		}
		p.sequence = &s
	}
	if b.encoded == nil {
		b.encoded = p.writer.encoder.encode(p.room, b.records, *p.sequence)
		p.room = nil
	}
	result := p.writer.cluster.produce(ctx, p.topic, p.number, b.encoded)
	if result.err == nil {
		p.delivered(b, result.offset)
		return nil
	}
	b.mayBeWritten = b.mayBeWritten || result.mayBeWritten
	b.unanswered = b.unanswered || !result.answered
	switch err := result.err; {
	case forgotten(err):
		p.sequence, b.encoded = nil, nil
		return err
	case refusesContent(err):
		if len(b.records) > 1 && !b.mayBeWritten {
			p.limit = len(b.records) / 2 // which of them is it?
			return nil
		}
		p.failed(b, explain(err))
		return nil
	case permanent(err):
		p.failed(b, explain(err))
		return nil
	default:
		p.writer.cluster.refresh()
		return err
	}
}

func (p *partition) delivered(b *batch, offset int64) {
	p.sequence.advance(len(b.records))
	if p.failing {
		p.failing = false
		p.log().InfoContext(p.writer.ctx, "writing to the partition works again")
	}
	kafkabus.Delivered(b.records, p.number, offset)
	if !b.unanswered {
		p.room = b.encoded
	}
	p.finish(b)
}

func (p *partition) failed(b *batch, cause error) {
	for i := range b.records {
		if r := &b.records[i]; !r.Settled() {
			r.Failed(b.fate(), cause)
		}
	}
	p.drop(b)
}

// drop ends a batch that was given up.
func (p *partition) drop(b *batch) {
	if b.mayBeWritten {
		p.sequence = nil // whether the broker has counted it is not known
	}
	p.finish(b)
}

// finish ends a batch whose records are settled.
func (p *partition) finish(b *batch) {
	p.pending = slices.Delete(p.pending, 0, len(b.records))
	*b = batch{}
	p.relax()
}

// relax lets batches grow again.
func (p *partition) relax() {
	const enough = 1 << 10
	if p.limit *= 2; p.limit > enough {
		p.limit = 0
	}
}

// pause waits before the next attempt, not beyond the time of the oldest record.
func (p *partition) pause(ctx context.Context, b *batch, repeats int) {
	for i := range b.records {
		if r := &b.records[i]; !r.Settled() {
			until, cancel := context.WithDeadline(ctx, r.Taken.Add(p.writer.timeout))
			defer cancel()
			ctx = until
			break
		}
	}
	_ = backendkit.Pause(ctx, repeats+1, 0) // expire looks at what has ended
}

func (b *batch) fate() signalcast.Fate {
	if b.mayBeWritten {
		return signalcast.FateUnknown
	}
	return signalcast.FateNotWritten
}
