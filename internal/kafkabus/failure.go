package kafkabus

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

// Closed returns the cause of a record that Close gives up. cause is what kept the record
// from being written until then, or nil. A canceled context is left out, since
// Close canceled it.
func Closed(cause error) error {
	if cause == nil || errors.Is(cause, context.Canceled) {
		return signalcast.ErrClosed
	}
	return fmt.Errorf("%w: %w", signalcast.ErrClosed, cause)
}

// Error codes of brokers.
const (
	codeUnknownTopic     = 3
	codeMessageTooLarge  = 10
	codeRecordListTooBig = 18
	codeTopicDenied      = 29
	codeClusterDenied    = 31
	codeSASLFailed       = 58
)

// Explain wraps the error of a broker, which has the given code, in the sentinel for its class.
func Explain(code int16, err error) error {
	switch code {
	case codeUnknownTopic:
		return fmt.Errorf("%w: %w", kafkaconfig.ErrUnknownTopic, err)
	case codeMessageTooLarge, codeRecordListTooBig:
		return fmt.Errorf("%w: %w", signalcast.ErrTooLarge, err)
	case codeTopicDenied, codeClusterDenied, codeSASLFailed:
		return fmt.Errorf("%w: %w", kafkaconfig.ErrDenied, err)
	default:
		return err
	}
}
