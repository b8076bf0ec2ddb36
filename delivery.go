package signalcast

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
)

// Delivery tells the fate of one event that was sent: of each message made of
// it. It is safe for concurrent use.
type Delivery struct {
	// open counts the outcomes not known yet, and one while sending goes on. When
	// somebody has asked for done, awaited is added.
	open atomic.Int64
	mu   sync.Mutex // held to make done
	done chan struct{}

	failures []error   // of what is not a message: receivers, encoding; written before sent
	last     *dispatch // nil while no dispatcher has served the event
	first    dispatch  // here, so that one dispatcher costs no allocation
}

// dispatch is one event on its way through one dispatcher.
type dispatch struct {
	envelope Envelope
	slots    []slot // those beyond its length are room for the next dispatch
	next     *dispatch
	small    [smallEvent]byte // room for the data of most events
}

// smallEvent is the size in bytes of the data of an event that fits into its
// dispatch. An event for one topic fills an allocation of 768 bytes then.
const smallEvent = 376

// newDelivery returns a delivery with room for the given number of messages:
// one allocation, in the usual cases, for all of an event.
func newDelivery(messages int) *Delivery {
	switch {
	case messages <= 1:
		return allocate(func(room *[1]slot) []slot { return room[:0] })
	case messages <= 2:
		return allocate(func(room *[2]slot) []slot { return room[:0] })
	case messages <= 5:
		return allocate(func(room *[5]slot) []slot { return room[:0] })
	case messages <= 12:
		return allocate(func(room *[12]slot) []slot { return room[:0] })
	default:
		d := &Delivery{}
		d.first.slots = make([]slot, 0, messages)
		return d
	}
}

// allocate returns a delivery that lies beside its slots.
func allocate[Room any](empty func(*Room) []slot) *Delivery {
	d := &struct {
		Delivery
		room Room
	}{}
	d.first.slots = empty(&d.room)
	return &d.Delivery
}

// add makes room for one more dispatch, of the given number of messages.
func (d *Delivery) add(messages int) *dispatch {
	added, room := &d.first, d.first.slots
	if d.last != nil {
		added, room = &dispatch{}, d.last.slots[len(d.last.slots):]
		d.last.next = added
	}
	d.last = added
	if messages > cap(room) { // another configuration than when room was made
		room = make([]slot, 0, messages)
	}
	added.slots = room[:messages]
	return added
}

// slots yields every message.
func (d *Delivery) slots() iter.Seq[*slot] {
	return func(yield func(*slot) bool) {
		for dispatched := &d.first; dispatched != nil; dispatched = dispatched.next {
			for i := range dispatched.slots {
				if !yield(&dispatched.slots[i]) {
					return
				}
			}
		}
	}
}

// Result is what is known about one message.
type Result struct {
	// Topic is the full name of the destination.
	Topic string
	// Receipt says where the message is stored, when Err is nil.
	Receipt Receipt
	// Err is nil for a delivered message, else a [*DeliveryError];
	// its Fate is Pending while the outcome is not known.
	Err error
}

// Done returns a channel that is closed once the fate of every message is known
// and every hook has returned.
func (d *Delivery) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.done == nil {
		d.done = make(chan struct{})
		if d.open.Add(awaited) == awaited { // else the last outcome closes it
			close(d.done)
		}
	}
	return d.done
}

const awaited = 1 << 62

// Wait waits until the fate of every message is known or ctx ends, and joins
// everything that went wrong, as [Signal.Send] does. A message without an
// outcome when ctx ends is a [*DeliveryError] with fate Pending, which wraps ctx.Err().
func (d *Delivery) Wait(ctx context.Context) error {
	if d.open.Load()&^awaited > 0 {
		select {
		case <-d.Done():
		case <-ctx.Done():
			return d.err(ctx.Err())
		}
	}
	return d.err(nil)
}

var errPending = errors.New("the outcome is not known yet")

// Results returns what is known now about each message, in the order of
// dispatchers and topics. It is empty for an event that went to no topic.
func (d *Delivery) Results() []Result {
	var results []Result
	for s := range d.slots() {
		result := Result{Topic: s.message.Topic, Err: s.err(errPending)}
		if result.Err == nil {
			result.Receipt = s.receipt
		}
		results = append(results, result)
	}
	return results
}

// err joins what went wrong. Messages without an outcome count as pending
// because of cause.
func (d *Delivery) err(cause error) error {
	failures := d.failures[:len(d.failures):len(d.failures)]
	for s := range d.slots() {
		if err := s.err(cause); err != nil {
			failures = append(failures, err)
		}
	}
	if len(failures) == 1 {
		return failures[0]
	}
	return errors.Join(failures...)
}

// begin keeps the delivery open until sent is called.
func (d *Delivery) begin() { d.open.Store(1) }

// sent ends the handing over of messages. It returns an error instead of the
// delivery when there were messages and none was taken: then nothing will be
// published, and a retry repeats nothing.
func (d *Delivery) sent() (*Delivery, error) {
	d.settle()
	messages, taken := 0, 0
	for s := range d.slots() {
		messages++
		if !s.refused {
			taken++
		}
	}
	if taken == 0 && (messages > 0 || d.rejected()) {
		return nil, d.err(nil)
	}
	return d, nil
}

// rejected reports that a dispatcher could not take the event as a whole.
func (d *Delivery) rejected() bool {
	for _, err := range d.failures {
		var receiver *ReceiverError
		if !errors.As(err, &receiver) {
			return true
		}
	}
	return false
}

// fail adds a failure that is not of one message.
func (d *Delivery) fail(err error) {
	d.failures = append(d.failures, err)
}

// settle counts one outcome.
func (d *Delivery) settle() {
	if d.open.Add(-1) == awaited {
		close(d.done)
	}
}

// slot is one message and its fate.
type slot struct {
	message  Message
	route    *route
	delivery *Delivery // nil for a dead letter, which nobody waits for
	refused  bool      // by Publish; written before sent

	state   atomic.Uint32
	receipt Receipt // written before the state becomes stateKnown
	failure *DeliveryError
}

const (
	stateOffered  = iota // to the backend, which has not answered yet
	stateCounting        // taken, and about to be counted as accepted
	stateTaken           // by the backend
	stateDone            // done was called
	stateKnown           // the outcome can be read
)

// err is nil for a delivered message. A message without an outcome is pending
// because of cause.
func (s *slot) err(cause error) error {
	switch {
	case s.state.Load() != stateKnown:
		return &DeliveryError{Topic: s.message.Topic, Fate: FatePending, Message: &s.message, Err: cause}
	case s.failure != nil:
		return s.failure
	default:
		return nil
	}
}

// finish is the done function of the backend.
func (s *slot) finish(receipt Receipt, err error) {
	for s.state.Load() == stateCounting {
		runtime.Gosched() // Publish has just returned; it is one instruction away
	}
	// A backend that calls done twice breaks its contract, not the ledger.
	switch {
	case s.state.CompareAndSwap(stateOffered, stateDone):
		s.route.counters.accepted.Add(1)
	case s.state.CompareAndSwap(stateTaken, stateDone):
	default:
		return
	}
	if err == nil {
		s.receipt = receipt
		s.route.counters.delivered.Add(1)
	} else {
		s.failure = s.fault(err)
		s.route.counters.failed.Add(1)
	}
	s.report()
}

// taken notes that Publish returned nil.
func (s *slot) taken() {
	// The backend may have called done by now: looking is cheaper than trying.
	if s.state.Load() == stateOffered && s.state.CompareAndSwap(stateOffered, stateCounting) {
		s.route.counters.accepted.Add(1)
		s.state.Store(stateTaken)
	}
}

// refuse notes that Publish returned an error.
func (s *slot) refuse(err error) {
	if !s.state.CompareAndSwap(stateOffered, stateDone) {
		return // done was called: against the contract, but the outcome is known
	}
	s.refused = true
	s.failure = &DeliveryError{Topic: s.message.Topic, Fate: FateNotWritten, Message: &s.message, Err: err}
	s.route.counters.rejected.Add(1)
	s.report()
}

// fault completes what a backend says of a failed message.
func (s *slot) fault(err error) *DeliveryError {
	fault := &DeliveryError{Topic: s.message.Topic, Fate: FateUnknown, Message: &s.message, Err: err}
	var told *DeliveryError
	if errors.As(err, &told) {
		if told.Fate == FateNotWritten {
			fault.Fate = FateNotWritten
		}
		if err == error(told) { //nolint:errorlint // only the error itself is replaced, not what wraps it
			fault.Err = told.Err
		}
	}
	return fault
}

// report makes the outcome known: first to the hooks, then to who waits, even
// when a hook panics.
func (s *slot) report() {
	defer s.settle()
	s.route.dispatcher.report(s)
}

// settle lets those who wait know. By then the dead letter of a message that has
// failed is in the backend's hands.
func (s *slot) settle() {
	if s.failure != nil && !s.refused {
		s.bury()
	}
	s.state.Store(stateKnown)
	if s.delivery != nil {
		s.delivery.settle()
	}
}
