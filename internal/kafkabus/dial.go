package kafkabus

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/signalcast/signalcast/backends/kafkaconfig"
)

func dialer(c Config, t *tls.Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: c.DialTimeout}
	if t == nil {
		return plain.DialContext
	}
	return (&tls.Dialer{NetDialer: plain, Config: t}).DialContext
}

// Mechanism returns the SASL mechanism of c, or nil if c has no mechanism.
func Mechanism(c Config) sasl.Mechanism {
	switch c.SASLMechanism {
	case kafkaconfig.Plain:
		return plain.Auth{User: c.SASLUsername, Pass: c.SASLPassword}.AsMechanism()
	case kafkaconfig.ScramSHA256:
		return scram.Auth{User: c.SASLUsername, Pass: c.SASLPassword}.AsSha256Mechanism()
	case kafkaconfig.ScramSHA512:
		return scram.Auth{User: c.SASLUsername, Pass: c.SASLPassword}.AsSha512Mechanism()
	default:
		return nil
	}
}
