package kafkabus

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalcast/signalcast"
)

// What can be found in the cause of a failure, with errors.Is.
var (
	// ErrDeliveryTimeout: the record was not acknowledged within the delivery timeout.
	ErrDeliveryTimeout = errors.New("delivery timeout has passed")
	// ErrUnknownTopic: the topic does not exist, and the brokers do not create it.
	ErrUnknownTopic = errors.New("topic does not exist")
	// ErrDenied: the brokers refuse the credentials, or do not let them write to the topic.
	ErrDenied = errors.New("access is denied")
)

// Closed is why a record that Close gives up has failed, given what kept it from
// being written until then, or nil if nothing is known. That something was
// canceled is not told: Close did it.
func Closed(cause error) error {
	if cause == nil || errors.Is(cause, context.Canceled) {
		return signalcast.ErrClosed
	}
	return fmt.Errorf("%w: %w", signalcast.ErrClosed, cause)
}

// The brokers' error codes that have a meaning of their own here.
const (
	codeUnknownTopic     = 3
	codeMessageTooLarge  = 10
	codeRecordListTooBig = 18
	codeTopicDenied      = 29
	codeClusterDenied    = 31
	codeSASLFailed       = 58
)

// Explain gives the error of a broker, with its code, the class that callers look for.
func Explain(code int16, err error) error {
	switch code {
	case codeUnknownTopic:
		return fmt.Errorf("%w: %w", ErrUnknownTopic, err)
	case codeMessageTooLarge, codeRecordListTooBig:
		return fmt.Errorf("%w: %w", signalcast.ErrTooLarge, err)
	case codeTopicDenied, codeClusterDenied, codeSASLFailed:
		return fmt.Errorf("%w: %w", ErrDenied, err)
	default:
		return err
	}
}
