//go:build integration

package integration_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/openedx/learning"
)

// patience is the delivery timeout in tests whose brokers reject the connection.
const patience = 3 * time.Second

func TestKafkaOverTLS(t *testing.T) {
	t.Parallel()
	cases := map[string]func(t *testing.T, c *kafkaconfig.Config){
		"PLAIN":                func(t *testing.T, c *kafkaconfig.Config) { withPassword(t, c, "PLAIN") },
		"SCRAM-SHA-256":        func(t *testing.T, c *kafkaconfig.Config) { withPassword(t, c, "SCRAM-SHA-256") },
		"SCRAM-SHA-512":        func(t *testing.T, c *kafkaconfig.Config) { withPassword(t, c, "SCRAM-SHA-512") },
		"OAUTHBEARER":          withToken,
		"a client certificate": withCertificate,
	}
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		for name, secure := range cases {
			t.Run(name+" delivers events", func(t *testing.T) {
				t.Parallel()
				config := kafkaconfig.Config{}
				secure(t, &config)
				_, err := sendRegistration(t, client, config)
				require.NoError(t, err)
			})
		}
	})
}

func TestKafkaRejectsConnection(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		config func(t *testing.T, c *kafkaconfig.Config)
		reason string
	}{
		"wrong password with PLAIN": {
			config: func(t *testing.T, c *kafkaconfig.Config) {
				withPassword(t, c, "PLAIN")
				c.SASLPassword = "wrong-password"
			},
			reason: "access is denied",
		},
		"wrong password with SCRAM-SHA-256": {
			config: func(t *testing.T, c *kafkaconfig.Config) {
				withPassword(t, c, "SCRAM-SHA-256")
				c.SASLPassword = "wrong-password"
			},
			reason: "access is denied",
		},
		"wrong password with SCRAM-SHA-512": {
			config: func(t *testing.T, c *kafkaconfig.Config) {
				withPassword(t, c, "SCRAM-SHA-512")
				c.SASLPassword = "wrong-password"
			},
			reason: "access is denied",
		},
		"expired token": {
			config: func(t *testing.T, c *kafkaconfig.Config) {
				withToken(t, c)
				c.SASLToken = func(context.Context) (kafkaconfig.Token, error) {
					return kafkaconfig.Token{Token: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzaG9wIiwiaWF0IjoxLCJleHAiOjJ9."}, nil
				}
			},
			reason: "access is denied",
		},
		"unknown authority": {
			config: func(t *testing.T, c *kafkaconfig.Config) {
				withPassword(t, c, "PLAIN")
				c.TLS = trusting(t, "KAFKA", "other-ca.pem")
			},
			reason: "certificate signed by unknown authority",
		},
		"missing client certificate": {
			config: func(t *testing.T, c *kafkaconfig.Config) { withCertificate(t, c); c.TLS.Certificates = nil },
			reason: "tls: bad certificate",
		},
	}
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				config := kafkaconfig.Config{DeliveryTimeout: patience}
				c.config(t, &config)

				began := time.Now()
				log, err := sendRegistration(t, client, config)

				require.ErrorContains(t, err, c.reason)
				require.Less(t, time.Since(began), 5*patience)
				require.NotContains(t, err.Error()+log, "wrong-password")
				require.NotContains(t, err.Error()+log, setting(t, "SIGNALCAST_TEST_KAFKA_PASSWORD"))
				var failed *signalcast.DeliveryError
				require.ErrorAs(t, err, &failed)
				require.Equal(t, signalcast.FateNotWritten, failed.Fate)
			})
		}
	})
}

// withPassword configures c for the listener that requires a password.
func withPassword(t *testing.T, c *kafkaconfig.Config, mechanism string) {
	t.Helper()
	c.Brokers = []string{setting(t, "SIGNALCAST_TEST_KAFKA_SASL_BROKERS")}
	c.TLS = trusting(t, "KAFKA", "ca.pem")
	c.SASLMechanism = mechanism
	c.SASLUsername = strings.ToLower(mechanism) // test/servers/kafka.sh creates a user for each mechanism
	c.SASLPassword = setting(t, "SIGNALCAST_TEST_KAFKA_PASSWORD")
}

// withToken configures c for the same listener with a token that is not signed, which the brokers of
// tests accept.
func withToken(t *testing.T, c *kafkaconfig.Config) {
	t.Helper()
	withPassword(t, c, "OAUTHBEARER")
	c.SASLUsername, c.SASLPassword = "", ""
	c.SASLToken = func(context.Context) (kafkaconfig.Token, error) {
		now := time.Now().Unix()
		claims := fmt.Sprintf(`{"sub":"shop","iat":%d,"exp":%d}`, now, now+600)
		encode := base64.RawURLEncoding.EncodeToString
		return kafkaconfig.Token{Token: encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + "."}, nil
	}
}

// withCertificate configures c for the listener that requires a client certificate.
func withCertificate(t *testing.T, c *kafkaconfig.Config) {
	t.Helper()
	c.Brokers = []string{setting(t, "SIGNALCAST_TEST_KAFKA_TLS_BROKERS")}
	c.TLS = trusting(t, "KAFKA", "ca.pem")
	pair, err := tls.LoadX509KeyPair(certificate(t, "KAFKA", "client.pem"), certificate(t, "KAFKA", "client.key"))
	require.NoError(t, err)
	c.TLS.Certificates = []tls.Certificate{pair}
}

// sendRegistration sends one event as JSON and returns the log.
func sendRegistration(t *testing.T, client kafkaClient, config kafkaconfig.Config) (log string, err error) {
	t.Helper()
	var text bytes.Buffer
	config.Logger = slog.New(slog.NewTextHandler(&text, nil))
	backend, err := client.new(config)
	require.NoError(t, err)
	registry := openedxRegistry(t)
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, signalcast.ProducerConfig{
		learning.StudentRegistrationCompleted.EventType(): {"secured": {EventKeyField: new("user.pii.username"), Enabled: new(true)}},
	}, backend, signalcast.WithCodec(signalcast.JSON()))
	require.NoError(t, err)
	err = learning.StudentRegistrationCompleted.Send(t.Context(), registry, learning.UserEvent{
		User: learning.UserData{ID: 7, PII: learning.UserPersonalData{Username: "ada"}},
	})
	require.NoError(t, dispatcher.Close(t.Context()))
	return text.String(), err
}
