package signalcast

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// Bounds of a [Unit].
const (
	// MaxUnitMessages is the number of messages that a unit holds.
	MaxUnitMessages = 10_000
	// MaxUnitBytes is the number of bytes of their keys and values: 64 MiB.
	MaxUnitBytes = 64 << 20
)

var (
	// ErrRolledBack means that the unit of a message was rolled back.
	ErrRolledBack = errors.New("unit of work was rolled back")
	// ErrCommitUnknown means that it is unknown whether a transaction was committed: the
	// connection failed after COMMIT was sent.
	ErrCommitUnknown = errors.New("outcome of the commit is unknown")
	// ErrUnitEnded means that a unit was used after its end, or that an event was sent in it
	// after its messages were stored.
	ErrUnitEnded = errors.New("unit of work has ended")
	// ErrOutboxMismatch means that an event was sent within a unit of another outbox than
	// that of the dispatcher.
	ErrOutboxMismatch = errors.New("unit of work belongs to another outbox")
	// ErrNotStored means that a unit was committed before its messages were stored.
	ErrNotStored = errors.New("unit of work was committed without its messages")
)

// Unit is a unit of work: the messages that take effect with one database transaction.
// Messages that are sent with the context of the unit, on routes of mode on-commit or outbox, are held until
// the unit ends. Services get units from a store, such as outbox/postgres. NewUnit is for implementing
// one, and for a transaction without an outbox.
//
// Within a unit, [Signal.Send] encodes the event, calls the receivers, and waits for the messages of routes of
// mode immediate only. A nil error means that all other messages are held. Their outcome is known
// when the unit has ended; a [Delivery] and the hooks tell it. A Wait with the context of a unit does not
// wait for held messages. [Dispatcher.Flush] and [Dispatcher.Close] do not wait for them either.
//
// A unit holds at most MaxUnitMessages and MaxUnitBytes. Further messages are rejected with [ErrTooLarge].
//
// A Unit must end. The messages of a unit that is garbage collected before its end are rejected with
// ErrCommitUnknown.
//
// All methods are safe for concurrent use.
type Unit struct{ state *unit }

// unit is the state of a Unit. Contexts refer to it and not to the Unit, so that a Unit
// without End can be garbage collected.
type unit struct {
	outbox Outbox

	mu     sync.Mutex
	held   []heldMessage
	bytes  int
	sealed bool
	ended  bool
}

type heldMessage struct {
	slot *slot
	ctx  context.Context //nolint:containedctx // of the sender, whose values Publish may read
}

type unitKey struct{}

// NewUnit returns a unit of a transaction in the database of o, and a context that carries
// it. Without an outbox, o is nil, and the unit cannot hold messages of mode outbox. A unit in ctx is
// independent of the new one, which takes its place in the returned context.
func NewUnit(ctx context.Context, o Outbox) (context.Context, *Unit) {
	u := &Unit{&unit{outbox: o}}
	runtime.AddCleanup(u, func(state *unit) {
		_ = state.end(fmt.Errorf("unit of work was never ended: %w", ErrCommitUnknown))
	}, u.state)
	return context.WithValue(ctx, unitKey{}, u.state), u
}

func unitOf(ctx context.Context) *unit {
	u, _ := ctx.Value(unitKey{}).(*unit)
	return u
}

// Seal returns the messages of mode outbox in the order of sending, to be stored in the transaction.
// Events that are sent in the unit from then on are rejected with ErrUnitEnded. The
// messages are valid until End returns.
func (u *Unit) Seal() []*Message {
	s := u.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
	var messages []*Message
	for _, h := range s.held {
		if h.slot.route.outbox {
			messages = append(messages, &h.slot.message)
		}
	}
	return messages
}

// Savepoint returns the number of messages that the unit holds, for RollbackTo.
func (u *Unit) Savepoint() int {
	u.state.mu.Lock()
	defer u.state.mu.Unlock()
	return len(u.state.held)
}

// RollbackTo withdraws the messages that were sent after the call of Savepoint that returned
// savepoint. Their fate is FateNotWritten, with ErrRolledBack.
func (u *Unit) RollbackTo(savepoint int) {
	s := u.state
	s.mu.Lock()
	var withdrawn []heldMessage
	if !s.sealed && !s.ended && savepoint < len(s.held) {
		withdrawn = s.held[savepoint:]
		s.held = s.held[:savepoint:savepoint]
		for _, h := range withdrawn {
			s.bytes -= h.slot.size()
		}
	}
	s.mu.Unlock()
	for _, h := range withdrawn {
		h.slot.unhold()
		h.slot.withdraw()
	}
}

// End ends the unit after its transaction. err is nil if the transaction was committed. Messages of
// mode outbox are then stored, and those of mode on-commit are published, in the order of
// sending and each with the context of its Send. End blocks while the buffer of the backend is full and that context
// has not ended. If err wraps ErrCommitUnknown, the fate of every message
// is FateUnknown, and nothing is published. With any other error, the transaction was rolled back:
// the fate of every message is FateNotWritten, with ErrRolledBack.
//
// End returns ErrUnitEnded if the unit had ended before, and ErrNotStored if it held messages of
// mode outbox and was committed without a call of Seal.
func (u *Unit) End(err error) error {
	defer runtime.KeepAlive(u)
	return u.state.end(err)
}

func (u *unit) end(err error) error {
	u.mu.Lock()
	if u.ended {
		u.mu.Unlock()
		return ErrUnitEnded
	}
	u.ended = true
	held := u.held
	u.held = nil
	u.mu.Unlock()
	var result error
	for _, h := range held {
		h.slot.unhold()
		switch {
		case errors.Is(err, ErrCommitUnknown):
			h.slot.reject(err)
		case err != nil:
			h.slot.withdraw()
		case !h.slot.route.outbox:
			h.slot.publishCommitted(h.ctx)
		case u.sealed:
			h.slot.stored()
		default:
			result = ErrNotStored
			h.slot.reject(ErrNotStored)
		}
	}
	return result
}

// hold binds a message to the unit, or rejects it.
func (u *unit) hold(ctx context.Context, s *slot) {
	if err := u.add(ctx, s); err != nil {
		s.reject(err)
	}
}

func (u *unit) add(ctx context.Context, s *slot) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.ended || u.sealed:
		return ErrUnitEnded
	case s.route.outbox && u.outbox != s.route.dispatcher.options.outbox:
		return ErrOutboxMismatch
	case len(u.held) == MaxUnitMessages:
		return fmt.Errorf("unit of work of %d messages: %w", MaxUnitMessages+1, ErrTooLarge)
	case u.bytes+s.size() > MaxUnitBytes:
		return fmt.Errorf("unit of work of more than %d bytes: %w", MaxUnitBytes, ErrTooLarge)
	}
	s.hold()
	u.bytes += s.size()
	u.held = append(u.held, heldMessage{s, ctx})
	return nil
}
