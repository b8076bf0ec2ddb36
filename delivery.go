package signalcast

import (
	"context"
	"errors"
	"sync"
)

// Delivery is the outcome of one event that was sent: of each of its messages. It is
// safe for concurrent use.
type Delivery struct {
	mu   sync.Mutex
	open int           // messages without an outcome, plus one while messages are being published
	done chan struct{} // made by the first call of Done

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
	// Its Fate is FatePending while there is no outcome.
	Err error
}

// Done returns a channel that is closed when every message has an outcome and every
// hook has returned.
func (d *Delivery) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done == nil {
		d.done = make(chan struct{})
		if d.open == 0 {
			close(d.done)
		}
	}
	return d.done
}

// Wait blocks until every message has an outcome or ctx ends. It returns the same
// errors as [Signal.Send]. A message without an outcome when ctx ends is
// a [*DeliveryError] with FatePending that wraps ctx.Err().
func (d *Delivery) Wait(ctx context.Context) error {
	if d.pending() {
		select {
		case <-d.Done():
		case <-ctx.Done():
			return d.err(ctx.Err())
		}
	}
	return d.err(nil)
}

func (d *Delivery) pending() bool {
	if len(d.slots) == 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open > 0
}

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

// err joins all errors. Messages without an outcome are pending because of cause.
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
func (d *Delivery) complete(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open -= n
	if d.open == 0 && d.done != nil {
		close(d.done)
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
	d.open = 1 + messages // one until sent
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
		for j := range added {
			s := &added[j]
			s.delivery = d
			s.publish(ctx)
		}
	}
}

// sent ends publishing. It returns an error instead of the delivery if there were
// messages and none was accepted: nothing will be published, so the caller may send the
// event again.
func (d *Delivery) sent() (*Delivery, error) {
	d.complete(1)
	for i := range d.slots {
		if !d.slots[i].rejected {
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
