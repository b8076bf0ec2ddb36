package kafkabus_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestTLSUsesAuthorityAndClientCertificate(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		authority := kafkatest.NewAuthority(t)
		cluster := kafkatest.NewCluster(t, kfake.TLS(&tls.Config{
			Certificates: []tls.Certificate{authority.Sign(t)}, MinVersion: tls.VersionTLS12,
			ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: authority.Pool,
		}))
		t.Run("both given", func(t *testing.T) {
			t.Parallel()
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), TLS: &tls.Config{
				RootCAs: authority.Pool, Certificates: []tls.Certificate{authority.Sign(t)}, MinVersion: tls.VersionTLS12,
			}})
			delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		})
		t.Run("a broker that is not trusted gets nothing", func(t *testing.T) {
			t.Parallel()
			b := start(t, open, kafkabus.Config{
				Brokers: cluster.ListenAddrs(), DeliveryTimeout: soon, TLS: &tls.Config{MinVersion: tls.VersionTLS12},
			})
			err := failure(t, publish(t, b, plain.message("topic", "key", 1)), signalcast.FateNotWritten)
			var certificate *tls.CertificateVerificationError
			require.ErrorAs(t, err, &certificate)
		})
	})
}

func TestSASLChecksCredentials(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{kafkaconfig.Plain, kafkaconfig.ScramSHA256, kafkaconfig.ScramSHA512} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
				authority := kafkatest.NewAuthority(t)
				cluster := kafkatest.NewCluster(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "alice", "very-secret"),
					kfake.TLS(&tls.Config{Certificates: []tls.Certificate{authority.Sign(t)}, MinVersion: tls.VersionTLS12}))
				config := kafkabus.Config{
					Brokers: cluster.ListenAddrs(), TLS: &tls.Config{RootCAs: authority.Pool, MinVersion: tls.VersionTLS12},
					SASLMechanism: mechanism, SASLUsername: "alice", SASLPassword: "very-secret",
				}
				delivered(t, publish(t, start(t, open, config), plain.message("topic", "key", 1)))
				if mechanism != kafkaconfig.Plain {
					return
				}
				config.SASLPassword, config.DeliveryTimeout = "another-secret", soon
				err := failure(t, publish(t, start(t, open, config), plain.message("topic", "key", 1)), signalcast.FateNotWritten)
				require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout) // the fake broker does not return the cause
				require.NotContains(t, err.Error(), "another-secret")
			})
		})
	}
}

func TestTokenIsAskedForWithEachConnection(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		authority := kafkatest.NewAuthority(t)
		cluster := kafkatest.NewCluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{authority.Sign(t)}, MinVersion: tls.VersionTLS12}))
		var accepted atomic.Pointer[string]
		accepted.Store(new("token-1"))
		cluster.ControlKey(int16(kmsg.SASLHandshake), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			response := kmsg.NewPtrSASLHandshakeResponse()
			response.SetVersion(request.GetVersion())
			response.SupportedMechanisms = []string{kafkaconfig.OAuthBearer}
			return response, nil, true
		})
		cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			response := kmsg.NewPtrSASLAuthenticateResponse()
			response.SetVersion(request.GetVersion())
			authenticate, ok := request.(*kmsg.SASLAuthenticateRequest)
			if !ok || !bytes.Contains(authenticate.SASLAuthBytes, []byte("\x01tenant=shop\x01")) ||
				!bytes.Contains(authenticate.SASLAuthBytes, []byte("auth=Bearer "+*accepted.Load()+"\x01")) {
				response.ErrorCode = kerr.SaslAuthenticationFailed.Code
			}
			return response, nil, true
		})
		var tokens atomic.Int64
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), TLS: &tls.Config{RootCAs: authority.Pool, MinVersion: tls.VersionTLS12},
			SASLMechanism: kafkaconfig.OAuthBearer,
			SASLToken: func(context.Context) (kafkaconfig.Token, error) {
				tokens.Add(1)
				return kafkaconfig.Token{Token: *accepted.Load(), Extensions: map[string]string{"tenant": "shop"}}, nil
			},
		})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		before := tokens.Load()
		require.NotZero(t, before)

		accepted.Store(new("token-2"))
		cluster.Stop()
		cluster.Start()
		delivered(t, publish(t, b, plain.message("topic", "key", 2)))
		require.Greater(t, tokens.Load(), before)
	})
}

func TestErrorOfTheTokenIsTheCause(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		authority := kafkatest.NewAuthority(t)
		cluster := kafkatest.NewCluster(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{authority.Sign(t)}, MinVersion: tls.VersionTLS12}))
		cluster.ControlKey(int16(kmsg.SASLHandshake), func(request kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			response := kmsg.NewPtrSASLHandshakeResponse()
			response.SetVersion(request.GetVersion())
			response.SupportedMechanisms = []string{kafkaconfig.OAuthBearer}
			return response, nil, true
		})
		errToken := errors.New("the token service is unavailable")
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), TLS: &tls.Config{RootCAs: authority.Pool, MinVersion: tls.VersionTLS12}, DeliveryTimeout: soon,
			SASLMechanism: kafkaconfig.OAuthBearer,
			SASLToken:     func(context.Context) (kafkaconfig.Token, error) { return kafkaconfig.Token{}, errToken },
		})
		err := failure(t, publish(t, b, plain.message("topic", "key", 1)), signalcast.FateNotWritten)
		require.ErrorIs(t, err, signalcast.ErrDeliveryTimeout)
	})
}

func TestTopicWithoutPermissionIsDenied(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		may := func(topic string, operation kmsg.ACLOperation) kfake.ACL {
			return kfake.ACL{
				Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral,
				Operation: operation, Allow: true,
			}
		}
		cluster := kafkatest.NewStrictCluster(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.SeedTopics(1, "open", "seen", "hidden"),
			kfake.User(kafkaconfig.ScramSHA256, "bob", "very-secret",
				may("open", kmsg.ACLOperationWrite), may("seen", kmsg.ACLOperationDescribe)))
		b := start(t, open, kafkabus.Config{
			Brokers: cluster.ListenAddrs(), SASLMechanism: kafkaconfig.ScramSHA256, SASLUsername: "bob", SASLPassword: "very-secret",
		})
		delivered(t, publish(t, b, plain.message("open", "key", 1)))
		for _, topic := range []string{"seen", "hidden"} {
			o := await(t, publish(t, b, plain.message(topic, "key", 1)))
			require.ErrorIs(t, o.err, kafkaconfig.ErrDenied, topic)
		}
		delivered(t, publish(t, b, plain.message("open", "key", 2)))
	})
}
