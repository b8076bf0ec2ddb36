// Package kafkaconfig is the configuration of both Kafka backends, backends/kafka and
// backends/franz, with their errors. A program switches the client by importing
// the other backend. The package imports no client library.
package kafkaconfig

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config configures a Kafka backend. The zero value of every field but Brokers is its
// default. A backend copies the Config. It keeps references to the TLS configurations, Logger
// and the functions.
//
// Printing, logging and marshalling a Config shows no credentials. The exception is a Config in
// an unexported field of a printed value, whose methods package fmt cannot call.
type Config struct {
	// Brokers are the addresses of some brokers of the cluster, as host:port. The backend
	// finds the others through them.
	Brokers []string
	// ClientID names the program in the logs and quotas of the brokers. Empty means "signalcast".
	ClientID string
	// TLS configures the connections to brokers: the trusted authorities (RootCAs) and
	// the client's own Certificates. Nil means no TLS.
	TLS *tls.Config

	// SASLMechanism is "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512" or "OAUTHBEARER". Empty means
	// no authentication except by TLS. PLAIN and OAUTHBEARER require TLS.
	SASLMechanism string
	// SASLUsername and SASLPassword are the credentials for the brokers, unless the mechanism
	// is OAUTHBEARER.
	SASLUsername, SASLPassword string
	// SASLToken returns the token for OAUTHBEARER. It is called for each new connection, and
	// again before the session of a connection expires. It must return soon after ctx ends. An
	// error counts as a failure to connect. It must be safe for concurrent use.
	SASLToken func(ctx context.Context) (Token, error)

	// SchemaRegistry is the http or https URL of a schema registry with
	// Confluent's API. It may be empty if the codec has no schemas.
	SchemaRegistry string
	// SchemaRegistryUsername and SchemaRegistryPassword are the credentials for
	// the registry, sent as basic authentication. Empty means none.
	SchemaRegistryUsername, SchemaRegistryPassword string
	// SchemaRegistryTLS configures the connections to an https registry.
	// Nil means that the certificates of the system are trusted.
	SchemaRegistryTLS *tls.Config
	// SchemaRegistryProxy returns the proxy for a request to the registry, as
	// [http.Transport.Proxy] does. Nil means [http.ProxyFromEnvironment], which reads
	// HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
	SchemaRegistryProxy func(*http.Request) (*url.URL, error)
	// RegisterOnUse registers a schema with its first message, which waits for it in
	// the buffer. False means that Prepare registers the schemas of all enabled routes, and
	// returns an error if the registry rejects one.
	RegisterOnUse bool
	// SchemaTimeout is how long Prepare waits for a registry that it cannot reach. After it, the
	// schemas are registered with the first messages, as with RegisterOnUse. 0 means 5 s.
	SchemaTimeout time.Duration
	// SchemaCheck is how often the backend asks the registry whether it still knows the schemas
	// in use. A schema that was deleted for good is registered again. 0 means 5 min.
	SchemaCheck time.Duration

	// RequireTopics makes Prepare return an error for enabled routes whose topics do not exist, or
	// if no broker can be reached. False means that messages wait for their topic until the
	// delivery timeout, or that brokers create it on use.
	RequireTopics bool

	// BufferMessages is the number of messages that may be accepted and not
	// acknowledged. 0 means 10,000.
	BufferMessages int
	// BufferBytes bounds the memory of these messages, counted as their encoded value
	// and key plus 4 KiB each. A larger message is rejected with ErrTooLarge. 0 means 64 MiB.
	BufferBytes int64
	// FailFast makes Publish return ErrBufferFull if the buffer is full. False means
	// that it waits for room.
	FailFast bool
	// MaxMessageBytes is the size of the largest batch of records, in bytes. It must not
	// exceed max.message.bytes of the topics. A message that does not fit into a batch
	// of its own is rejected with ErrTooLarge. 0 means 1,000,000.
	MaxMessageBytes int

	// Compression compresses batches of records: CompressionGzip, CompressionSnappy,
	// CompressionLZ4 or CompressionZstd. Empty means none, as the Open edX event bus.
	Compression string

	// DeliveryTimeout is how long a message may wait for its acknowledgement, from when it
	// was accepted. When the oldest message of a partition times out, those behind it
	// fail with it, so that the partition has no gap. 0 means 2 minutes. The minimum is 1 s.
	DeliveryTimeout time.Duration
	// DialTimeout bounds connecting to a broker or a registry. 0 means 5 s.
	DialTimeout time.Duration
	// RequestTimeout bounds each wait for a response of a broker or a registry.
	// 0 means 10 s.
	RequestTimeout time.Duration
	// MetadataMaxAge is how old the knowledge about topics may get before brokers are asked for it
	// again. Backends use added partitions within about twice this time, and consumers read them
	// within this time. After a failed request, a backend asks at once. 0 means 5 s. Other values
	// must be from 200 ms to 1 hour.
	MetadataMaxAge time.Duration

	// Logger gets a warning when an outage of a broker, a topic or the registry begins, and a
	// line when it ends. Nil means the dispatcher's logger.
	Logger *slog.Logger
}

// The values of Config.SASLMechanism.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// The values of Config.Compression. Zstd needs brokers from Kafka 2.1 on.
const (
	CompressionGzip   = "gzip"
	CompressionSnappy = "snappy"
	CompressionLZ4    = "lz4"
	CompressionZstd   = "zstd"
)

// Token authenticates with the SASL mechanism OAUTHBEARER (RFC 7628).
type Token struct {
	// Token is the bearer token, without the word "Bearer".
	Token string
	// Extensions are sent with the token. Nil means none.
	Extensions map[string]string
}

// String does not show the token.
func (t Token) String() string { return "kafkaconfig.Token{}" }

// Format writes String for every verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// MarshalText returns String.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// FromEnv returns the Config that the settings of the Open edX event bus describe. getenv
// returns the value of an environment variable, as os.Getenv does, and an empty string for one
// that is not set:
//
//	EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS            Brokers, separated by commas
//	EVENT_BUS_KAFKA_API_KEY, _API_SECRET         SASL PLAIN over TLS
//	EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL          SchemaRegistry
//	EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY, …_API_SECRET
//
// The backend's New reports what is missing.
func FromEnv(getenv func(string) string) Config {
	c := Config{
		SchemaRegistry:         getenv("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL"),
		SchemaRegistryUsername: getenv("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY"),
		SchemaRegistryPassword: getenv("EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET"),
		SASLUsername:           getenv("EVENT_BUS_KAFKA_API_KEY"),
		SASLPassword:           getenv("EVENT_BUS_KAFKA_API_SECRET"),
	}
	for broker := range strings.SplitSeq(getenv("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS"), ",") {
		if broker = strings.TrimSpace(broker); broker != "" {
			c.Brokers = append(c.Brokers, broker)
		}
	}
	if c.SASLUsername != "" || c.SASLPassword != "" {
		c.SASLMechanism = Plain
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	return c
}

// String returns the brokers and the host of the registry. An address of another form, which
// may hold credentials, is left out.
func (c Config) String() string {
	brokers := make([]string, len(c.Brokers))
	for i, address := range c.Brokers {
		if brokers[i] = address; strings.Contains(address, "@") || !isAddress(address) {
			brokers[i] = "an invalid address"
		}
	}
	text := "kafkaconfig.Config{brokers " + strings.Join(brokers, ",")
	if c.SchemaRegistry != "" {
		registry := "an invalid URL"
		if u, err := url.Parse(c.SchemaRegistry); err == nil && u.Host != "" {
			registry = u.Scheme + "://" + u.Host
		}
		text += ", schema registry " + registry
	}
	return text + "}"
}

func isAddress(address string) bool {
	_, _, err := net.SplitHostPort(address)
	return err == nil
}

// Format writes String for every verb.
func (c Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText returns String, so that a Config in JSON or in a log shows no credentials.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
