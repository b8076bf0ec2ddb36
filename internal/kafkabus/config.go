package kafkabus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Config is the configuration of a backend. The public packages define the
// same struct with its documentation and convert it.
type Config struct {
	Brokers                []string
	ClientID               string
	TLS                    *tls.Config
	SASLMechanism          string
	SASLUsername           string
	SASLPassword           string
	SchemaRegistry         string
	SchemaRegistryUsername string
	SchemaRegistryPassword string
	SchemaRegistryTLS      *tls.Config
	RegisterOnUse          bool
	BufferMessages         int
	BufferBytes            int64
	FailFast               bool
	MaxMessageBytes        int
	DeliveryTimeout        time.Duration
	DialTimeout            time.Duration
	RequestTimeout         time.Duration
	Logger                 *slog.Logger
}

// The names of SASL mechanisms.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// ConfigError reports a field of a Config that New refuses.
type ConfigError struct {
	// Field is the name of the field.
	Field string
	// Problem says what was found and what is allowed, without secrets.
	Problem string
}

// Error names the field and the problem.
func (e *ConfigError) Error() string { return "kafka: Config." + e.Field + " " + e.Problem }

// String describes the configuration without credentials.
func (c Config) String() string {
	text := "brokers " + strings.Join(c.Brokers, ",")
	if c.SchemaRegistry != "" {
		registry := "URL that cannot be parsed"
		if u, err := url.Parse(c.SchemaRegistry); err == nil {
			registry = u.Scheme + "://" + u.Host
		}
		text += ", schema registry " + registry
	}
	return text
}

// Check returns c with its defaults, or every fault of it, each as a *ConfigError.
func (c Config) Check() (Config, error) {
	orDefault(&c.ClientID, "signalcast")
	orDefault(&c.BufferMessages, 10_000)
	orDefault(&c.BufferBytes, 64<<20)
	orDefault(&c.MaxMessageBytes, 1_000_000)
	orDefault(&c.DeliveryTimeout, 2*time.Minute)
	orDefault(&c.DialTimeout, 5*time.Second)
	orDefault(&c.RequestTimeout, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, errors.Join(append(append(c.checkPlaces(), c.checkSecurity()...), c.checkLimits()...)...)
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func fault(field, format string, args ...any) error {
	return &ConfigError{Field: field, Problem: fmt.Sprintf(format, args...)}
}

func (c Config) checkPlaces() (faults []error) {
	if len(c.Brokers) == 0 {
		faults = append(faults, fault("Brokers", "is empty; at least one host:port says where Kafka is"))
	}
	for i, addr := range c.Brokers {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || !isPort(port) {
			faults = append(faults, fault(fmt.Sprintf("Brokers[%d]", i), "is not of the form host:port, with a port from 1 to 65535"))
		}
	}
	if c.SchemaRegistry == "" {
		if c.SchemaRegistryUsername != "" || c.SchemaRegistryPassword != "" || c.SchemaRegistryTLS != nil {
			faults = append(faults, fault("SchemaRegistry", "is empty, though credentials or TLS are given for it"))
		}
		return faults
	}
	u, err := url.Parse(c.SchemaRegistry)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		faults = append(faults, fault("SchemaRegistry", "is not an http or https URL"))
	case u.Port() != "" && !isPort(u.Port()):
		faults = append(faults, fault("SchemaRegistry", "has an impossible port; allowed are 1 to 65535, and none for that of the scheme"))
	case u.User != nil:
		faults = append(faults, fault("SchemaRegistry", "holds credentials; they belong in SchemaRegistryUsername and SchemaRegistryPassword"))
	case u.RawQuery != "" || u.Fragment != "":
		faults = append(faults, fault("SchemaRegistry", "has a query or a fragment; allowed are a host and a path"))
	}
	return faults
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

func (c Config) checkSecurity() (faults []error) {
	switch c.SASLMechanism {
	case Plain, ScramSHA256, ScramSHA512:
		if c.SASLUsername == "" || c.SASLPassword == "" {
			faults = append(faults, fault("SASLUsername", "or SASLPassword is empty, though SASLMechanism is given"))
		}
		if c.SASLMechanism == Plain && c.TLS == nil {
			faults = append(faults, fault("TLS", "is nil with SASLMechanism PLAIN, which shows the password to the network; "+
				"&tls.Config{} trusts the system's certificates"))
		}
	case "":
		if c.SASLUsername != "" || c.SASLPassword != "" {
			faults = append(faults, fault("SASLMechanism", "is empty, though a username or password is given; allowed are %s, %s and %s",
				Plain, ScramSHA256, ScramSHA512))
		}
	default:
		faults = append(faults, fault("SASLMechanism", "is %q; allowed are %s, %s and %s, and empty for none",
			c.SASLMechanism, Plain, ScramSHA256, ScramSHA512))
	}
	if c.SchemaRegistryPassword != "" && c.SchemaRegistryUsername == "" {
		faults = append(faults, fault("SchemaRegistryUsername", "is empty, though a password is given"))
	}
	return faults
}

func (c Config) checkLimits() (faults []error) {
	for _, count := range []struct {
		field string
		n     int64
	}{
		{"BufferMessages", int64(c.BufferMessages)},
		{"BufferBytes", c.BufferBytes},
	} {
		if count.n < 0 {
			faults = append(faults, fault(count.field, "is %d; allowed are a positive number, and 0 for the default", count.n))
		}
	}
	if c.MaxMessageBytes < minMessageBytes || c.MaxMessageBytes > maxMessageBytes {
		faults = append(faults, fault("MaxMessageBytes", "is %d; allowed are %d to %d, and 0 for the default",
			c.MaxMessageBytes, minMessageBytes, maxMessageBytes))
	}
	for _, limit := range []struct {
		field          string
		d, least, most time.Duration
	}{
		{"DeliveryTimeout", c.DeliveryTimeout, time.Second, 24 * time.Hour},
		{"DialTimeout", c.DialTimeout, 100 * time.Millisecond, 15 * time.Minute},
		{"RequestTimeout", c.RequestTimeout, 200 * time.Millisecond, 15 * time.Minute},
	} {
		if limit.d < limit.least || limit.d > limit.most {
			faults = append(faults, fault(limit.field, "is %v; allowed are %v to %v, and 0 for the default", limit.d, limit.least, limit.most))
		}
	}
	return faults
}

const (
	minMessageBytes = 1 << 10
	maxMessageBytes = 64 << 20
)
