package kafka

import "github.com/signalcast/signalcast/internal/kafkabus"

// ConfigError reports a field of a Config that New refuses: Field names it, and
// Problem says what was found and what is allowed, without passwords.
type ConfigError = kafkabus.ConfigError

// SchemaError reports a schema that could not be registered: Subject names it,
// and Refused says whether the registry refused it, so that trying again is of
// no use.
type SchemaError = kafkabus.SchemaError

// What can be found in the cause of a failure, with errors.Is. All other causes
// are errors of kafka-go.
var (
	// ErrDeliveryTimeout: the message was not acknowledged within
	// Config.DeliveryTimeout. What kept it is part of the error, where it is known.
	ErrDeliveryTimeout = kafkabus.ErrDeliveryTimeout
	// ErrUnknownTopic: the topic does not exist, and the brokers do not create it.
	ErrUnknownTopic = kafkabus.ErrUnknownTopic
	// ErrDenied: the brokers refuse the credentials, or do not let them write to the topic.
	ErrDenied = kafkabus.ErrDenied
)
