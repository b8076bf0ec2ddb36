package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/segmentio/kafka-go"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// explain wraps the error of a broker in the sentinel for its class.
func explain(err error) error {
	var code kafka.Error
	if errors.As(err, &code) {
		return kafkabus.Explain(int16(code), fmt.Errorf("broker: %w", err)) //nolint:gosec // codes have 16 bits
	}
	return err
}

// closedByBroker reports whether err says that the broker closed the connection.
func closedByBroker(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// permanent reports whether a retry is of no use after err, whatever the batch holds.
func permanent(err error) bool {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return true
	}
	var code kafka.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case kafka.InvalidTopic, kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed,
		kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState,
		kafka.InvalidRequest, kafka.UnsupportedVersion, kafka.InvalidRequiredAcks:
		return true
	default:
		return false
	}
}

// rejectsContent reports whether the broker rejects the batch or one of its records.
func rejectsContent(err error) bool {
	var code kafka.Error
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidRecord, kafka.InvalidTimestamp,
		kafka.UnsupportedForMessageFormat, kafka.PolicyViolation:
		return true
	default:
		return false
	}
}

// losesSequence reports whether the broker rejects the sequence number of the batch. The state of
// the producer at the broker is lost or has expired.
func losesSequence(err error) bool {
	return errors.Is(err, kafka.OutOfOrderSequenceNumber) || errors.Is(err, kafka.UnknownProducerId) || losesProducer(err)
}

// losesProducer reports whether the broker accepts no later epoch of the producer either.
func losesProducer(err error) bool {
	return errors.Is(err, kafka.InvalidProducerEpoch) || errors.Is(err, kafka.ProducerFenced)
}

// certainlyNotWritten reports whether a broker that replies with code has certainly not written
// the batch. Other codes prove nothing: a leader that has written the batch and loses the
// leadership or its disk while it waits for the replicas replies as if it had not written.
func certainlyNotWritten(code kafka.Error) bool {
	return code == kafka.NotEnoughReplicas || permanent(code) || rejectsContent(code) || losesSequence(code)
}
