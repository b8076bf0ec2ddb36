package consume

import (
	"errors"
	"fmt"
	"slices"

	"github.com/signalcast/signalcast"
)

var (
	// ErrPermanent makes a failure of a receiver permanent: if every failure of an attempt wraps it, the message
	// is not handled again, but treated as one that cannot be handled.
	ErrPermanent = errors.New("permanent failure")
	// ErrRunning means that Run was called while another Run of the consumer was working.
	ErrRunning = errors.New("consumer is running")
)

// StopError reports the message that stopped a consumer with the action Stop.
type StopError struct {
	// Position is the place of the message. See [Message.Position].
	Position string
	// Err says why the message cannot be handled.
	Err error
}

// Error returns the place and the cause.
func (e *StopError) Error() string {
	return fmt.Sprintf("consume: message %s cannot be handled: %v", e.Position, e.Err)
}

// Unwrap returns the cause.
func (e *StopError) Unwrap() error { return e.Err }

// permanent reports whether every failed receiver of an attempt failed permanently. Config.Handle may wrap the error of Deliver.
func permanent(err error) bool {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		joined, ok := inner.(interface{ Unwrap() []error })
		if !ok {
			continue
		}
		failures := joined.Unwrap()
		ofDeliver := !slices.ContainsFunc(failures, func(e error) bool {
			_, ok := e.(*signalcast.ReceiverError) //nolint:errorlint // Deliver joins them as they are
			return !ok
		})
		if !ofDeliver {
			break
		}
		return !slices.ContainsFunc(failures, func(e error) bool { return !errors.Is(e, ErrPermanent) })
	}
	return errors.Is(err, ErrPermanent)
}
