package kafkabus

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
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
	case kafkaconfig.OAuthBearer:
		return bearer{oauth.Oauth(func(ctx context.Context) (oauth.Auth, error) {
			token, err := c.SASLToken(ctx)
			return oauth.Auth{Token: token.Token, Extensions: token.Extensions}, err
		})}
	default:
		return nil
	}
}

// bearer is OAUTHBEARER with an error for rejected tokens: the broker sends a challenge then.
type bearer struct{ sasl.Mechanism }

func (b bearer) Authenticate(ctx context.Context, host string) (sasl.Session, []byte, error) {
	session, first, err := b.Mechanism.Authenticate(ctx, host)
	return bearerSession{session}, first, err //nolint:wrapcheck // between two libraries
}

type bearerSession struct{ sasl.Session }

func (s bearerSession) Challenge(challenge []byte) (done bool, response []byte, err error) {
	if len(challenge) > 0 {
		return false, nil, fmt.Errorf("%w: the broker rejects the token", kafkaconfig.ErrDenied)
	}
	return s.Session.Challenge(challenge) //nolint:wrapcheck // between two libraries
}
