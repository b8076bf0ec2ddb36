package kafkabus_test

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"
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
