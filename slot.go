package signalcast

import (
	"context"
	"errors"
	"sync/atomic"
)

// slot is one message and its outcome.
type slot struct {
	message  Message
	route    *route
	delivery *Delivery // nil for a dead letter, which has no waiting caller
	rejected bool      // not accepted by the backend; written before stateKnown

	state   atomic.Uint32
	receipt Receipt // written before stateKnown
	failure *DeliveryError
}

// The states of a slot. The first call that reports an outcome claims the slot.
const (
	statePending = iota
	stateClaimed
	stateKnown // the outcome can be read
	stateHeld  // by a unit; the next state is statePending
)

// publish gives the message to the backend of its route.
func (s *slot) publish(ctx context.Context) {
	if err := s.route.backend.Publish(ctx, &s.message, s.finish); err != nil {
		if s.delivery == nil && errors.Is(err, context.Canceled) {
			err = ErrBufferFull // a dead letter does not wait for room
		}
		s.reject(err)
		return
	}
	s.route.counters.accepted.Add(1)
}

// finish is the done function given to the backend. A backend that calls it twice
// breaks its contract; the first call counts.
func (s *slot) finish(receipt Receipt, err error) {
	if !s.state.CompareAndSwap(statePending, stateClaimed) {
		return
	}
	if err == nil {
		s.receipt = receipt
		s.route.counters.delivered.Add(1)
	} else {
		s.failure = s.deliveryError(err)
		s.route.counters.failed.Add(1)
	}
	s.report()
}

// reject notes that the backend, the outbox or the unit did not accept the message.
func (s *slot) reject(err error) {
	if !s.state.CompareAndSwap(statePending, stateClaimed) {
		s.route.counters.accepted.Add(1) // the backend called done, against its contract; that outcome counts
		return
	}
	if errors.Is(err, ErrBufferFull) {
		err = s.route.withLastAttempt(err)
	}
	fate := FateNotWritten
	if errors.Is(err, ErrCommitUnknown) {
		fate = FateUnknown
	}
	s.rejected = true
	s.failure = &DeliveryError{Topic: s.message.Topic, Fate: fate, Message: &s.message, Err: err}
	s.route.counters.rejected.Add(1)
	s.report()
}

// deliveryError returns the error of a failed message. The backend may have said by a
// *DeliveryError of its own that the message was not written.
func (s *slot) deliveryError(err error) *DeliveryError {
	failure := &DeliveryError{Topic: s.message.Topic, Fate: FateUnknown, Message: &s.message, Err: err}
	if reported, ok := errors.AsType[*DeliveryError](err); ok {
		if reported.Fate == FateNotWritten {
			failure.Fate = FateNotWritten
		}
		if err == error(reported) { //nolint:errorlint // an error that wraps it is kept whole
			failure.Err = reported.Err
		}
	}
	return failure
}

// report makes the outcome known: to the log and the hooks first, then to callers that
// wait. It releases them even if a hook ends the goroutine.
func (s *slot) report() {
	defer s.complete()
	s.route.dispatcher.reportOutcome(s)
}

// complete publishes the dead letter of a failed message and releases the waiting callers.
func (s *slot) complete() {
	if s.failure != nil && !s.rejected {
		s.publishDeadLetter()
	}
	s.state.Store(stateKnown)
	if s.delivery != nil {
		s.delivery.complete(1)
	}
}

// err returns nil for a delivered message. A message without an outcome is pending
// because of cause, and of what the backend's last attempt found.
func (s *slot) err(cause error) error {
	switch {
	case s.state.Load() != stateKnown:
		if cause == nil {
			return nil
		}
		return &DeliveryError{Topic: s.message.Topic, Fate: FatePending, Message: &s.message, Err: s.route.withLastAttempt(cause)}
	case s.failure != nil:
		return s.failure
	default:
		return nil
	}
}
