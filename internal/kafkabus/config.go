package kafkabus

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

// Config is the configuration of both backends.
type Config = kafkaconfig.Config

// Check returns c with its defaults. If c is invalid, the error joins a
// *kafkaconfig.ConfigError for each fault.
func Check(c Config) (Config, error) {
	orDefault(&c.ClientID, "signalcast")
	orDefault(&c.BufferMessages, 10_000)
	orDefault(&c.BufferBytes, 64<<20)
	orDefault(&c.MaxMessageBytes, 1_000_000)
	orDefault(&c.DeliveryTimeout, 2*time.Minute)
	orDefault(&c.SchemaTimeout, 5*time.Second)
	orDefault(&c.SchemaCheck, 5*time.Minute)
	orDefault(&c.DialTimeout, 5*time.Second)
	orDefault(&c.RequestTimeout, 10*time.Second)
	orDefault(&c.MetadataMaxAge, 5*time.Second)
	return c, errors.Join(slices.Concat(checkAddresses(c), checkSecurity(c), checkLimits(c))...)
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func fault(field, found, want string) error {
	return &kafkaconfig.ConfigError{Field: field, Found: found, Want: want}
}

func checkAddresses(c Config) (faults []error) {
	if len(c.Brokers) == 0 {
		faults = append(faults, fault("Brokers", "found none", "at least one broker as host:port"))
	}
	for i, addr := range c.Brokers {
		if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || strings.Contains(host, "@") || !isPort(port) {
			faults = append(faults, fault(fmt.Sprintf("Brokers[%d]", i), "found an address of another form", "host:port, with a port from 1 to 65535 and no credentials"))
		}
	}
	if c.SchemaRegistry == "" {
		if c.SchemaRegistryUsername != "" || c.SchemaRegistryPassword != "" || c.SchemaRegistryTLS != nil {
			faults = append(faults, fault("SchemaRegistry", "found no URL beside its credentials or TLS", "the URL of the registry"))
		}
		return faults
	}
	u, err := url.Parse(c.SchemaRegistry)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		faults = append(faults, fault("SchemaRegistry", "found text of another form", "an http or https URL"))
	case u.Port() != "" && !isPort(u.Port()):
		faults = append(faults, fault("SchemaRegistry", "found an invalid port", "1 to 65535, or none for that of the scheme"))
	case u.User != nil:
		faults = append(faults, fault("SchemaRegistry", "found credentials in the URL", "them in SchemaRegistryUsername and SchemaRegistryPassword"))
	case u.RawQuery != "" || u.Fragment != "":
		faults = append(faults, fault("SchemaRegistry", "found a query or a fragment", "a host and a path"))
	}
	return faults
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

const mechanisms = kafkaconfig.Plain + ", " + kafkaconfig.ScramSHA256 + ", " + kafkaconfig.ScramSHA512 + " or " + kafkaconfig.OAuthBearer

func checkSecurity(c Config) (faults []error) {
	switch c.SASLMechanism {
	case kafkaconfig.Plain, kafkaconfig.ScramSHA256, kafkaconfig.ScramSHA512:
		if c.SASLUsername == "" || c.SASLPassword == "" {
			faults = append(faults, fault("SASLUsername", "found a SASLMechanism without a username or a password", "both"))
		}
		if c.SASLMechanism == kafkaconfig.Plain && c.TLS == nil {
			faults = append(faults, fault("TLS", "found nil with SASLMechanism PLAIN, which sends the password as it is",
				"a configuration; &tls.Config{} trusts the certificates of the system"))
		}
	case kafkaconfig.OAuthBearer:
		if c.SASLToken == nil {
			faults = append(faults, fault("SASLToken", "found nil with SASLMechanism OAUTHBEARER", "a function that returns a token"))
		}
		if c.TLS == nil {
			faults = append(faults, fault("TLS", "found nil with SASLMechanism OAUTHBEARER, which sends the token as it is",
				"a configuration; &tls.Config{} trusts the certificates of the system"))
		}
	case "":
		if c.SASLUsername != "" || c.SASLPassword != "" {
			faults = append(faults, fault("SASLMechanism", "found none beside a username or password", mechanisms))
		}
	default:
		faults = append(faults, fault("SASLMechanism", fmt.Sprintf("found %q", c.SASLMechanism), mechanisms+", or nothing"))
	}
	if c.SASLToken != nil && c.SASLMechanism != kafkaconfig.OAuthBearer {
		faults = append(faults, fault("SASLToken", "found a function without SASLMechanism OAUTHBEARER", "only both or neither"))
	}
	if c.SchemaRegistryPassword != "" && c.SchemaRegistryUsername == "" {
		faults = append(faults, fault("SchemaRegistryUsername", "found nothing beside a password", "the username"))
	}
	return faults
}

func checkLimits(c Config) (faults []error) {
	for _, count := range []struct {
		field string
		n     int64
	}{
		{"BufferMessages", int64(c.BufferMessages)},
		{"BufferBytes", c.BufferBytes},
	} {
		if count.n < 0 {
			faults = append(faults, fault(count.field, fmt.Sprintf("found %d", count.n), "0 for the default, or more"))
		}
	}
	if c.MaxMessageBytes < minMessageBytes || c.MaxMessageBytes > maxMessageBytes {
		faults = append(faults, fault("MaxMessageBytes", fmt.Sprintf("found %d", c.MaxMessageBytes),
			fmt.Sprintf("0 for the default, or %d to %d", minMessageBytes, maxMessageBytes)))
	}
	switch c.Compression {
	case "", kafkaconfig.CompressionGzip, kafkaconfig.CompressionSnappy, kafkaconfig.CompressionLZ4, kafkaconfig.CompressionZstd:
	default:
		faults = append(faults, fault("Compression", fmt.Sprintf("found %q", c.Compression), "gzip, snappy, lz4 or zstd, or nothing for none"))
	}
	for _, limit := range []struct {
		field          string
		d, least, most time.Duration
	}{
		{"DeliveryTimeout", c.DeliveryTimeout, time.Second, 24 * time.Hour},
		{"SchemaTimeout", c.SchemaTimeout, time.Millisecond, time.Hour},
		{"SchemaCheck", c.SchemaCheck, time.Millisecond, 24 * time.Hour},
		{"DialTimeout", c.DialTimeout, 100 * time.Millisecond, 15 * time.Minute},
		{"RequestTimeout", c.RequestTimeout, 200 * time.Millisecond, 15 * time.Minute},
		{"MetadataMaxAge", c.MetadataMaxAge, 200 * time.Millisecond, time.Hour},
	} {
		if limit.d < limit.least || limit.d > limit.most {
			faults = append(faults, fault(limit.field, fmt.Sprintf("found %v", limit.d),
				fmt.Sprintf("0 for the default, or %v to %v", limit.least, limit.most)))
		}
	}
	return faults
}

const (
	minMessageBytes = 1 << 10
	maxMessageBytes = 64 << 20
)
