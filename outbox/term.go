package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/signalcast/signalcast"
)

// term is the time during which a relay has the lease. The goroutine of run owns the state. Others
// read, write and renew the lease, and talk to it by channels.
type term struct {
	*Relay

	lease    Lease
	lanes    map[laneKey]*lane
	lagging  map[*lane]struct{} // lanes that are behind
	topics   map[string]*topic
	queue    []queued // rows to publish, in order
	inFlight int
	full     bool  // the backend had no room, and no outcome has come since
	fatal    error // ends the run

	noWait   context.Context //nolint:containedctx // see ended
	reads    *reads
	writes   *writes
	outcomes outcomes
}

// queued is a row that waits for room in the backend.
type queued struct {
	row   *Row
	lane  *lane
	epoch int // of the lane
}

// topic is what a term knows of a topic.
type topic struct {
	name      string
	inFlight  int
	delivered int       // messages
	moved     time.Time // the last outcome, or the first message in flight
	held      int       // lanes
}

// stallAfter is the time without an outcome after which a topic must leave room to others.
const stallAfter = time.Second

// ended returns a context that has ended: a backend accepts a message if there is room, and does not wait
// for it.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// pace is the time between two looks at lanes that wait, and at a full buffer.
const pace = 20 * time.Millisecond

func newTerm(r *Relay, l Lease) *term {
	return &term{
		Relay: r, lease: l, noWait: ended(), lanes: map[laneKey]*lane{}, lagging: map[*lane]struct{}{}, topics: map[string]*topic{},
		reads: newReads(r), writes: newWrites(r, l), outcomes: outcomes{signal: make(chan struct{}, 1)},
	}
}

// run publishes rows until ctx ends or the lease is lost. acquired is when the lease was asked for.
func (t *term) run(ctx context.Context, acquired time.Time) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx, to drain
	var joined sync.WaitGroup
	defer joined.Wait()
	defer stop()
	trust := newTrust(t.Relay, t.lease, acquired)
	joined.Go(func() { trust.keep(work) })
	joined.Go(func() { t.writes.run(work) })
	reading, stopReading := context.WithCancel(ctx)
	joined.Go(func() { t.reads.run(reading) })
	defer stopReading()

	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for ctx.Err() == nil && t.fatal == nil {
		if !trust.valid() {
			t.log.LogAttrs(ctx, slog.LevelWarn, "relay lost the lease", slog.Int("in_flight", t.inFlight))
			return nil
		}
		t.publishQueue(trust)
		t.ask()
		var tick <-chan time.Time
		if t.full || len(t.queue) > 0 || len(t.lagging) > t.reads.lanesAsked {
			tick = ticker.C
		}
		select {
		case <-ctx.Done():
		case <-trust.lost:
		case batch := <-t.reads.results:
			t.accept(batch)
		case <-t.outcomes.signal:
			t.complete()
		case <-t.writes.idle:
			t.writes.written()
		case <-tick:
			t.full = false
		}
	}
	stopReading()
	t.drain(ctx)
	return t.fatal
}

// drain waits for the outcomes of messages in flight, deletes what was delivered, and releases
// the lease.
func (t *term) drain(ctx context.Context) {
	limit := time.NewTimer(t.config.Drain)
	defer limit.Stop()
	for t.inFlight > 0 || t.writes.pending() {
		t.writes.start()
		select {
		case <-limit.C:
			t.log.LogAttrs(ctx, slog.LevelWarn, "relay stops with messages in flight, which will be published again",
				slog.Int("in_flight", t.inFlight))
			return
		case <-t.outcomes.signal:
			t.complete()
		case <-t.writes.idle:
			t.writes.written()
		}
	}
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.config.Lease)
	defer cancel()
	if err := t.store.Release(release, t.lease); err != nil {
		t.report(context.WithoutCancel(ctx), releaseLease, err)
	}
	t.log.LogAttrs(ctx, slog.LevelInfo, "relay released the lease")
}

// ask starts reads and writes that are due.
func (t *term) ask() {
	t.writes.start()
	if len(t.queue) < t.config.Batch/2 {
		t.reads.ask()
	}
	now := time.Now()
	for l := range t.lagging {
		if t.reads.lanesAsked == maxLaneReads {
			break
		}
		if l.due(now, t.limit()) {
			l.asked = true
			t.reads.askLane(laneRead{key: l.key(), after: l.after, epoch: l.epoch})
		}
	}
}

// accept queues the rows that were read.
func (t *term) accept(batch readResult) {
	t.counters.read.Add(int64(len(batch.rows)))
	if batch.lane != nil {
		t.reads.lanesAsked--
		l := t.lanes[batch.lane.key]
		l.asked = false
		if batch.err != nil {
			l.unread++
			l.next = time.Now().Add(t.backoff(l.unread))
			return
		}
		l.unread = 0
		if batch.lane.epoch != l.epoch {
			return
		}
		if len(batch.rows) < laneBatch {
			l.behind = false
			delete(t.lagging, l)
		}
		for i := range batch.rows {
			row := &batch.rows[i]
			l.advance(row.Sequence)
			t.enqueue(l, row)
		}
		return
	}
	t.reads.asked = false
	for i := range batch.rows {
		row := &batch.rows[i]
		if l := t.laneOf(row); l.fetch(row.Sequence) {
			t.enqueue(l, row)
		}
	}
}

func (t *term) enqueue(l *lane, row *Row) {
	l.queued++
	t.queue = append(t.queue, queued{row, l, l.epoch})
}

// laneOf returns the lane of a row's topic.
func (t *term) laneOf(row *Row) *lane {
	key := laneKey{row.Topic, row.Lane}
	l := t.lanes[key]
	if l == nil {
		to := t.topics[row.Topic]
		if to == nil {
			to = &topic{name: row.Topic}
			t.topics[row.Topic] = to
		}
		l = &lane{topic: to, number: row.Lane}
		t.lanes[key] = l
	}
	return l
}

// publishQueue publishes queued rows as long as there is room.
func (t *term) publishQueue(trust *trust) {
	const checkEvery = 64
	for n := 0; len(t.queue) > 0; n++ {
		if n%checkEvery == 0 && !trust.valid() {
			return
		}
		q := t.queue[0]
		if q.epoch != q.lane.epoch {
			t.queue = t.queue[1:]
			continue
		}
		if t.full || t.inFlight >= t.config.MaxInFlight || t.writes.undeleted() >= t.config.MaxInFlight {
			return
		}
		if to := q.lane.topic; to.inFlight < t.limit() {
			if !t.publish(q) {
				return
			}
		} else if time.Since(to.moved) < stallAfter {
			return
		} else {
			t.setAside(q.lane, q.row.Sequence-1)
		}
	}
}

// limit returns the number of messages in flight that one topic may have. A topic leaves a part of the
// room to others, so that they go on when it stalls.
func (t *term) limit() int {
	if len(t.topics) < 2 {
		return t.config.MaxInFlight
	}
	return max(t.config.MaxInFlight*3/4, 1)
}

// publish gives the first row of the queue to the backend. It reports false if there is no room.
func (t *term) publish(q queued) bool {
	l := q.lane
	f := &flight{row: q.row, lane: l, deliveredBefore: l.topic.delivered}
	depart := func() {
		t.queue = t.queue[1:]
		l.queued--
		l.flights = append(l.flights, f)
	}
	if q.row.Err != nil {
		depart()
		t.finish(f, signalcast.Receipt{}, q.row.Err)
		return true
	}
	err := t.backend.Publish(t.noWait, q.row.Message, func(r signalcast.Receipt, err error) { t.outcomes.add(f, r, err) })
	switch {
	case errors.Is(err, signalcast.ErrBufferFull):
		t.full = true
		return false
	case errors.Is(err, signalcast.ErrClosed):
		t.fatal = err
		return false
	}
	depart()
	if err != nil {
		t.finish(f, signalcast.Receipt{}, err)
		return true
	}
	if l.topic.inFlight == 0 {
		l.topic.moved = time.Now()
	}
	t.inFlight++
	l.topic.inFlight++
	t.counters.inFlight.Store(int64(t.inFlight))
	return true
}

// complete handles the outcomes that have come.
func (t *term) complete() {
	now := time.Now()
	for _, o := range t.outcomes.take() {
		if o.flight.done {
			continue // the backend called done twice, or rejected the message too, against its contract
		}
		t.inFlight--
		o.flight.lane.topic.inFlight--
		o.flight.lane.topic.moved = now
		t.finish(o.flight, o.receipt, o.err)
	}
	t.full = false
	t.counters.inFlight.Store(int64(t.inFlight))
}

// finish notes the outcome of a row.
func (t *term) finish(f *flight, receipt signalcast.Receipt, err error) {
	l := f.lane
	f.done, f.receipt, f.err = true, receipt, err
	if err == nil {
		l.topic.delivered++
		t.counters.delivered.Add(1)
	} else {
		t.counters.failed.Add(1)
		t.call("Failed", func() {
			if hook := t.config.Hooks.Failed; hook != nil {
				hook(*f.row, err)
			}
		})
		t.stop(l)
	}
	for _, done := range l.delivered() {
		t.writes.delete(done.row.Sequence)
		t.call("Delivered", func() {
			if hook := t.config.Hooks.Delivered; hook != nil {
				hook(*done.row, done.receipt)
			}
		})
		t.free(l)
	}
	if failed := l.failure(); failed != nil {
		t.hold(l, failed)
	}
}

// outcomes are outcomes that the backend has reported and run has not handled.
type outcomes struct {
	signal chan struct{} // holds a token if there are some

	mu   sync.Mutex
	list []outcome
}

type outcome struct {
	flight  *flight
	receipt signalcast.Receipt
	err     error
}

func (o *outcomes) add(f *flight, r signalcast.Receipt, err error) {
	o.mu.Lock()
	o.list = append(o.list, outcome{f, r, err})
	o.mu.Unlock()
	select {
	case o.signal <- struct{}{}:
	default:
	}
}

func (o *outcomes) take() []outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := o.list
	o.list = nil
	return list
}
