package signalcast

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
)

// Delivery holds the outcomes of all messages of one sent event. It is safe for concurrent
// use.
type Delivery struct {
	// counts holds two numbers and a bit. The lower half counts the open messages: those that were
	// published and have no outcome, plus one until publish has ended. The upper half counts the
	// messages that a unit holds. The highest bit of counts, awaited, is set once done or released
	// may exist.
	counts atomic.Int64

	mu       sync.Mutex    // guards the channels
	done     chan struct{} // closed when both counts are zero; made by the first call of Done
	released chan struct{} // closed when no message is open; made by a Wait within a unit

	failures []error // of receivers and of encoding; complete once sending has ended
	slots    []slot  // one for each message, in the order of dispatchers and topics

	// The first message and its event are part of the allocation of the Delivery.
	// See docs/decisions/0005.
	first    publication
	firstOne [1]slot
}

// Result is the outcome of one message.
type Result struct {
	// Topic is the full name of the destination.
	Topic string
	// Receipt says where the broker stored the message, if Err is nil.
	Receipt Receipt
	// Err is nil for a delivered message and a [*DeliveryError] otherwise.
	// The Fate of the error is FatePending while there is no outcome.
	Err error
}

// Done returns a channel that is closed when every message has an outcome and every
// hook has returned.
func (d *Delivery) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if open, held := split(d.counts.Or(awaited)); open+held == 0 {
		return closed
	}
	if d.done == nil {
		d.done = make(chan struct{})
	}
	return d.done
}

// Wait blocks until every message has an outcome or ctx ends. It returns the same
// errors as [Signal.Send]. A message without an outcome when ctx ends is
// a [*DeliveryError] with FatePending that wraps ctx.Err().
//
// With the context of a [Unit], Wait does not wait for messages that a unit holds, and
// returns no error for them.
func (d *Delivery) Wait(ctx context.Context) error {
	open, held := split(d.counts.Load())
	if open+held == 0 {
		return d.err(nil)
	}
	done := d.Done
	if held > 0 && unitOf(ctx) != nil {
		if open == 0 {
			return d.err(nil)
		}
		done = d.releasedFromUnit
	}
	select {
	case <-done():
		return d.err(nil)
	case <-ctx.Done():
		return d.err(ctx.Err())
	}
}

// releasedFromUnit returns a channel that is closed when every message that no unit holds has an
// outcome.
func (d *Delivery) releasedFromUnit() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if open, _ := split(d.counts.Or(awaited)); open == 0 {
		return closed
	}
	if d.released == nil {
		d.released = make(chan struct{})
	}
	return d.released
}

const awaited = math.MinInt64

// split returns the number of open messages and of messages that a unit holds.
func split(counts int64) (open, held int32) {
	return int32(counts), int32(counts &^ awaited >> 32) //nolint:gosec // the halves
}

//nolint:gochecknoglobals // never changes
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

var errPending = errors.New("no outcome yet")

// Results returns what is known now about each message, in the order of
// dispatchers and topics. It returns nil for an event without messages.
func (d *Delivery) Results() []Result {
	var results []Result
	for i := range d.slots {
		s := &d.slots[i]
		result := Result{Topic: s.message.Topic, Err: s.err(errPending)}
		if result.Err == nil {
			result.Receipt = s.receipt
		}
		results = append(results, result)
	}
	return results
}

// err joins all errors. Messages without an outcome are pending because of cause. If it is nil,
// they are held by the unit of the caller, and no error.
func (d *Delivery) err(cause error) error {
	failures := d.failures[:len(d.failures):len(d.failures)]
	for i := range d.slots {
		if err := d.slots[i].err(cause); err != nil {
			failures = append(failures, err)
		}
	}
	if len(failures) == 1 {
		return failures[0]
	}
	return errors.Join(failures...)
}

// fail adds an error that does not belong to a message.
func (d *Delivery) fail(err error) { d.failures = append(d.failures, err) }

// complete notes that n messages have an outcome, or that publishing has ended.
func (d *Delivery) complete(n int) { d.add(-int64(n)) }

// hold notes that a unit holds one more message, or with -1 that it holds one less.
func (d *Delivery) hold(n int64) { d.add(n<<32 - n) }

func (d *Delivery) add(n int64) {
	if counts := d.counts.Add(n); counts&awaited != 0 && int32(counts) == 0 { //nolint:gosec // the lower half
		d.signal()
	}
}

// signal closes the channels whose condition holds. It is called whenever no message is open and there may be channels.
func (d *Delivery) signal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	open, held := split(d.counts.Load())
	if open == 0 && d.released != nil {
		close(d.released)
		d.released = nil
	}
	if open+held == 0 && d.done != nil {
		close(d.done)
		d.done = nil
	}
}

// publish publishes the event to every target. The failure of one target does not
// keep the event from the next.
func (d *Delivery) publish(ctx context.Context, targets []target, meta *Metadata, data Data) {
	messages := 0
	for _, t := range targets {
		messages += len(t.routes.enabled)
	}
	d.slots = d.firstOne[:0]
	if messages > len(d.firstOne) {
		d.slots = make([]slot, 0, messages)
	}
	unit := unitOf(ctx)
	d.counts.Store(1 + int64(messages))
	for i, t := range targets {
		t.routes.suppress()
		if len(t.routes.enabled) == 0 {
			continue
		}
		p := &d.first
		if i > 0 {
			p = &publication{}
		}
		added := d.slots[len(d.slots) : len(d.slots)+len(t.routes.enabled)]
		if err := t.routes.encode(p, added, meta, data); err != nil {
			t.dispatcher.reportInvalid(ctx, meta, err)
			d.fail(err)
			d.complete(len(added))
			continue
		}
		d.slots = d.slots[:len(d.slots)+len(added)]
		t.dispatcher.setTrace(ctx, added)
		transactional := false
		for j := range added {
			s := &added[j]
			s.delivery = d
			if s.route.immediate || unit == nil && !s.route.outbox {
				s.publish(ctx)
			} else {
				transactional = true
			}
		}
		if transactional {
			t.dispatcher.hold(ctx, unit, added)
		}
	}
}

// sent ends publishing. It returns an error instead of the delivery if there were
// messages and none was accepted: nothing will be published, so the caller may send the
// event again.
func (d *Delivery) sent() (*Delivery, error) {
	d.complete(1)
	for i := range d.slots {
		if s := &d.slots[i]; s.state.Load() != stateKnown || !s.rejected {
			return d, nil
		}
	}
	if len(d.slots) > 0 || d.invalid() {
		return nil, d.err(nil)
	}
	return d, nil
}

// invalid reports whether a dispatcher could not encode the event.
func (d *Delivery) invalid() bool {
	for _, err := range d.failures {
		if _, ok := errors.AsType[*ReceiverError](err); !ok {
			return true
		}
	}
	return false
}
