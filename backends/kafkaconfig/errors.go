package kafkaconfig

import (
	"errors"
	"fmt"
)

// Causes of failed messages, for [errors.Is]. A message that was not acknowledged in time
// has the cause signalcast.ErrDeliveryTimeout. Other causes are a [*SchemaError], an
// [*AdvertisedError], or an error of the client library.
var (
	// ErrUnknownTopic means that the topic does not exist, and the brokers do not create it.
	ErrUnknownTopic = errors.New("topic does not exist")
	// ErrDenied means that the brokers reject the credentials, or do not permit writing to
	// the topic.
	ErrDenied = errors.New("access is denied")
)

// ConfigError reports an invalid field of a [Config]. New of a backend joins the errors of all
// invalid fields.
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Found says what was found, such as "found nothing". It contains no credentials.
	Found string
	// Want says what is allowed.
	Want string
}

// Error returns the problem on one line.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("kafka: Config.%s: %s; want %s", e.Field, e.Found, e.Want)
}

// SchemaError reports that a schema was not registered.
type SchemaError struct {
	// Subject is the name of the schema in the registry.
	Subject string
	// Rejected means that a retry would fail too: the registry rejected the schema or the credentials, is
	// not trusted, or is not configured. Otherwise the registry was unreachable or failed.
	Rejected bool
	// Err is the cause.
	Err error
}

// Error names the subject and the cause.
func (e *SchemaError) Error() string {
	return fmt.Sprintf("schema for subject %q is not registered: %v", e.Subject, e.Err)
}

// Unwrap returns the cause.
func (e *SchemaError) Unwrap() error { return e.Err }

// AdvertisedError reports that a client reached no broker at an address that a broker advertises. The address is not one of
// Config.Brokers. Often the setting advertised.listeners of the broker has an address that only other clients can reach.
type AdvertisedError struct {
	// Address is the address, as host:port.
	Address string
	// Err is the cause.
	Err error
}

// Error names the address and the cause.
func (e *AdvertisedError) Error() string {
	return fmt.Sprintf("%s, which a broker advertises: %v; want a broker there, or another address in its advertised.listeners", e.Address, e.Err)
}

// Unwrap returns the cause.
func (e *AdvertisedError) Unwrap() error { return e.Err }
