package signalcast

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
)

// receiver is a function connected to a signal. Its type is
// func(context.Context, Event[T]) error with the signal's T.
type receiver struct{ f any }

// Connect makes f a receiver of the signal in r. f is called for every event sent
// through r, in the sender's goroutine, before Send returns and after the messages of
// the event were given to the backends. Receivers are called in the order in
// which they were connected. An error or a panic of a receiver becomes a
// [*ReceiverError] for the sender. It stops no other receiver.
//
// The returned function disconnects f. It may be called more than once.
// Connect returns [ErrNotRegistered] if the signal is not in r.
func (s *Signal[T]) Connect(r *Registry, f func(context.Context, Event[T]) error) (disconnect func(), err error) {
	e := r.entry(&s.def)
	if e == nil {
		return nil, notRegistered(s.def.eventType)
	}
	if f == nil {
		return nil, fmt.Errorf("receiver of %q: found nil; want a function", s.def.eventType)
	}
	return e.connect(f), nil
}

// callReceivers calls every receiver of the event and notes their errors in delivery.
func callReceivers[T any](ctx context.Context, receivers []*receiver, event Event[T], delivery *Delivery) {
	for _, rcv := range receivers {
		f, ok := rcv.f.(func(context.Context, Event[T]) error)
		if !ok {
			continue // a registry has one definition per event type, so T is the same
		}
		if err := rcv.call(event.EventType, func() error { return f(ctx, event) }); err != nil {
			delivery.fail(err)
		}
	}
}

// call runs the receiver and returns its error or panic as a *ReceiverError.
func (rcv *receiver) call(eventType string, run func() error) (failure error) {
	name := func() string { return runtime.FuncForPC(reflect.ValueOf(rcv.f).Pointer()).Name() }
	defer func() {
		if p := recover(); p != nil {
			failure = &ReceiverError{EventType: eventType, Receiver: name(), Panic: p, Stack: debug.Stack()}
		}
	}()
	if err := run(); err != nil {
		return &ReceiverError{EventType: eventType, Receiver: name(), Err: err}
	}
	return nil
}

func (e *entry) connected() []*receiver {
	if list := e.receivers.Load(); list != nil {
		return *list
	}
	return nil
}

func (e *entry) connect(f any) (disconnect func()) {
	added := &receiver{f}
	e.changeReceivers(func(list []*receiver) []*receiver { return append(list, added) })
	return func() {
		e.changeReceivers(func(list []*receiver) []*receiver {
			return slices.DeleteFunc(list, func(rcv *receiver) bool { return rcv == added })
		})
	}
}

func (e *entry) changeReceivers(change func([]*receiver) []*receiver) {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := change(slices.Clone(e.connected()))
	if len(list) == 0 {
		e.receivers.Store(nil)
		return
	}
	e.receivers.Store(&list)
}
