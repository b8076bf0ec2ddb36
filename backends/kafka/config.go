package kafka

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/signalcast/signalcast/internal/kafkabus"
)

// Config says which Kafka to write to and how. The zero value of every field
// but Brokers is its default. New copies it and keeps no reference but to the
// TLS configurations and Logger.
//
// A Config that is printed, logged or marshalled shows no password, unless it is
// an unexported field of something that is printed, where fmt cannot ask it.
type Config struct {
	// Brokers are the host:port addresses of some brokers of the cluster; the
	// others are found through them.
	Brokers []string
	// ClientID names the program in the brokers' logs and quotas. Empty means "signalcast".
	ClientID string
	// TLS configures the connections to brokers: the authorities that are
	// trusted (RootCAs) and the client's own Certificates. Nil means no TLS.
	TLS *tls.Config

	// SASLMechanism is "PLAIN", "SCRAM-SHA-256" or "SCRAM-SHA-512". Empty means
	// no authentication but that of TLS. PLAIN needs TLS.
	SASLMechanism string
	// SASLUsername and SASLPassword are the credentials for the brokers.
	SASLUsername, SASLPassword string

	// SchemaRegistry is the http or https URL of a schema registry with
	// Confluent's API. It may be empty where the codec has no schemas.
	SchemaRegistry string
	// SchemaRegistryUsername and SchemaRegistryPassword are the credentials for
	// the registry, sent as basic authentication. Empty means none.
	SchemaRegistryUsername, SchemaRegistryPassword string
	// SchemaRegistryTLS configures the connections to an https registry.
	// Nil means that the system's certificates are trusted.
	SchemaRegistryTLS *tls.Config
	// RegisterOnUse leaves the registration of a schema to its first message,
	// which then waits for it in the buffer. False means that Prepare registers
	// the schemas of all enabled routes and refuses a table with one that the
	// registry refuses.
	RegisterOnUse bool

	// BufferMessages is the largest number of messages that are accepted and not
	// yet acknowledged. 0 means 10,000.
	BufferMessages int
	// BufferBytes bounds the memory of these messages, counted as their encoded
	// value and key plus 4 KiB each. A larger message is refused with
	// ErrTooLarge. 0 means 64 MiB.
	BufferBytes int64
	// FailFast makes Publish return ErrBufferFull when the buffer is full.
	// False means that it waits for room.
	FailFast bool
	// MaxMessageBytes is the size of the largest batch of records written, in
	// bytes, not above what topics allow (max.message.bytes). A message that
	// does not fit into a batch of its own is refused with ErrTooLarge. Where a
	// topic allows less, batches are divided until they fit, and only the
	// message that is too large fails. 0 means 1,000,000.
	MaxMessageBytes int

	// DeliveryTimeout is how long a message may wait for its acknowledgement,
	// counted from when it was accepted. It is looked at between attempts to write,
	// so that the failure may be reported later by RequestTimeout.
	// 0 means 2 minutes, the least is 1 s.
	DeliveryTimeout time.Duration
	// DialTimeout bounds connecting to a broker or a registry. 0 means 5 s.
	DialTimeout time.Duration
	// RequestTimeout bounds each wait for the answer of a broker or a registry.
	// 0 means 10 s.
	RequestTimeout time.Duration

	// Logger gets a warning when writing to a partition, learning of a topic or
	// registering a schema begins to fail, and a note when writing works again.
	// Nil means silence.
	Logger *slog.Logger
}

// ConfigFromEnv returns the Config that the settings of the Open edX event bus
// describe. getenv returns the value of an environment variable, as os.Getenv
// does, and empty for one that is not set:
//
//	EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS            Brokers, separated by commas
//	EVENT_BUS_KAFKA_API_KEY, _API_SECRET         SASL PLAIN over TLS
//	EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL          SchemaRegistry
//	EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY, …_API_SECRET
//
// New reports what is missing.
func ConfigFromEnv(getenv func(string) string) Config {
	return Config(kafkabus.ConfigFromEnv(getenv))
}

// String describes the configuration without credentials.
func (c Config) String() string { return "kafka.Config{" + kafkabus.Config(c).String() + "}" }

// GoString returns String.
func (c Config) GoString() string { return c.String() }

// MarshalText returns String: a Config that is logged or marshalled by accident keeps its secrets.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
