package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// explain gives an error the class that callers look for.
func explain(err error) error {
	var code kafka.Error
	if errors.As(err, &code) {
		return kafkabus.Explain(int16(code), fmt.Errorf("broker: %w", err)) //nolint:gosec // codes have 16 bits
	}
	return err
}

// permanent reports whether trying again is of no use after err, whatever was
// to be written.
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

// refusesContent reports whether the broker rejects what the batch holds, or
// some record of it.
func refusesContent(err error) bool {
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

// forgotten reports whether the broker does not accept the batch's number in
// the sequence of its producer: what it knew of that is lost or has expired.
func forgotten(err error) bool {
	return errors.Is(err, kafka.OutOfOrderSequenceNumber) || errors.Is(err, kafka.UnknownProducerId) ||
		errors.Is(err, kafka.InvalidProducerEpoch) || errors.Is(err, kafka.ProducerFenced)
}

// insteadOfWriting reports whether a broker that answers code has certainly not
// written the batch. A leader that has written it and waits for its replicas may
// lose its place or its disk meanwhile: it answers then as if it had never had them.
func insteadOfWriting(code kafka.Error) bool {
	return code == kafka.NotEnoughReplicas || permanent(code) || refusesContent(code) || forgotten(code)
}
