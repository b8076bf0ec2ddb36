package kafka

import (
	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkabus"
)

var _ signalcast.Backend = (*Backend)(nil)

// Backend publishes messages to Kafka. Its methods may be called from many
// goroutines at the same time.
//
// Prepare refuses topics with names that are illegal in Kafka and event types
// that are illegal as the namespace of an Avro schema, a hyphen in them say. It
// registers the schemas of enabled routes; a registry that refuses one or cannot
// be reached within ctx, 30 s at most, is a *[SchemaError]. Brokers are not asked.
//
// The receipt of a message holds its partition and offset. When done gets an
// error it is a *signalcast.DeliveryError.
type Backend struct{ *kafkabus.Bus }

// New returns a backend for the brokers that c names. It checks c and reports
// every fault, each as a *[ConfigError]. It does not connect: brokers that are
// away are connected to when they are back.
func New(c Config) (*Backend, error) {
	checked, err := kafkabus.Config(c).Check()
	if err != nil {
		return nil, err
	}
	w := newWriter(checked)
	bus, err := kafkabus.New(checked, w)
	if err != nil {
		w.Close()
		return nil, err
	}
	return &Backend{bus}, nil
}

// String says where the backend writes, without credentials.
func (b *Backend) String() string { return "kafka.Backend of " + b.Bus.String() }

// GoString returns String.
func (b *Backend) GoString() string { return b.String() }

// SchemaError reports a schema that could not be registered: Subject names it,
// and Refused says whether the registry refused it, so that trying again is of no use.
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
