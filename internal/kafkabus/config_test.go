package kafkabus_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestNewReportsEveryFaultOfAConfig(t *testing.T) {
	t.Parallel()
	brokers := []string{"localhost:9092"}
	for _, c := range []struct {
		name   string
		config kafkabus.Config
		fields []string
	}{
		{"nothing", kafkabus.Config{}, []string{"Brokers"}},
		{"an address without a port", kafkabus.Config{Brokers: []string{"localhost:9092", "localhost"}}, []string{"Brokers[1]"}},
		{"addresses without a possible port", kafkabus.Config{Brokers: []string{"h:99999", "h:0", "h:abc", "h:-1"}}, []string{"Brokers[0]", "Brokers[1]", "Brokers[2]", "Brokers[3]"}},
		{"credentials in an address", kafkabus.Config{Brokers: []string{"user:very-secret@h:9092", "very-secret@h:9092"}}, []string{"Brokers[0]", "Brokers[1]"}},
		{"an address without a host", kafkabus.Config{Brokers: []string{":9092"}}, []string{"Brokers[0]"}},
		{"a registry without a possible port", kafkabus.Config{Brokers: brokers, SchemaRegistry: "http://localhost:99999"}, []string{"SchemaRegistry"}},
		{"a registry without a host", kafkabus.Config{Brokers: brokers, SchemaRegistry: "http://:8081"}, []string{"SchemaRegistry"}},
		{"a registry that is no URL", kafkabus.Config{Brokers: brokers, SchemaRegistry: "localhost:8081"}, []string{"SchemaRegistry"}},
		{"credentials in the registry's URL", kafkabus.Config{Brokers: brokers, SchemaRegistry: "http://name:very-secret@localhost"}, []string{"SchemaRegistry"}},
		{"a query in the registry's URL", kafkabus.Config{Brokers: brokers, SchemaRegistry: "http://localhost?token=very-secret"}, []string{"SchemaRegistry"}},
		{"credentials for no registry", kafkabus.Config{Brokers: brokers, SchemaRegistryUsername: "name"}, []string{"SchemaRegistry"}},
		{"a password without a user", kafkabus.Config{Brokers: brokers, SchemaRegistry: "http://localhost", SchemaRegistryPassword: "very-secret"}, []string{"SchemaRegistryUsername"}},
		{"an unknown mechanism", kafkabus.Config{Brokers: brokers, SASLMechanism: "GSSAPI"}, []string{"SASLMechanism"}},
		{"a password without a mechanism", kafkabus.Config{Brokers: brokers, SASLPassword: "very-secret"}, []string{"SASLMechanism"}},
		{"a mechanism without a password", kafkabus.Config{Brokers: brokers, SASLMechanism: "SCRAM-SHA-256", SASLUsername: "name"}, []string{"SASLUsername"}},
		{"OAUTHBEARER without a token and TLS", kafkabus.Config{Brokers: brokers, SASLMechanism: "OAUTHBEARER"}, []string{"SASLToken", "TLS"}},
		{"a token for another mechanism", kafkabus.Config{
			Brokers: brokers, SASLMechanism: "SCRAM-SHA-256", SASLUsername: "name", SASLPassword: "very-secret",
			SASLToken: func(context.Context) (kafkaconfig.Token, error) { return kafkaconfig.Token{}, nil },
		}, []string{"SASLToken"}},
		{"an unknown compression", kafkabus.Config{Brokers: brokers, Compression: "brotli"}, []string{"Compression"}},
		{"a password that everybody can read", kafkabus.Config{Brokers: brokers, SASLMechanism: "PLAIN", SASLUsername: "name", SASLPassword: "very-secret"}, []string{"TLS"}},
		{"negative limits", kafkabus.Config{Brokers: brokers, BufferMessages: -1, BufferBytes: -1, MaxMessageBytes: -1}, []string{"BufferMessages", "BufferBytes", "MaxMessageBytes"}},
		{"times that are too long", kafkabus.Config{Brokers: brokers, DeliveryTimeout: 25 * time.Hour, DialTimeout: time.Hour, RequestTimeout: time.Hour, MetadataMaxAge: 25 * time.Hour}, []string{"DeliveryTimeout", "DialTimeout", "RequestTimeout", "MetadataMaxAge"}},
		{"times that are too short", kafkabus.Config{Brokers: brokers, DeliveryTimeout: time.Millisecond, DialTimeout: 1, RequestTimeout: -1, MetadataMaxAge: time.Millisecond}, []string{"DeliveryTimeout", "DialTimeout", "RequestTimeout", "MetadataMaxAge"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
				_, err := open(c.config)
				var rejected *kafkaconfig.ConfigError
				require.ErrorAs(t, err, &rejected)
				lines := strings.Split(err.Error(), "\n")
				require.Len(t, lines, len(c.fields), "%v", err)
				for i, field := range c.fields {
					require.Contains(t, lines[i], "Config."+field+": ")
				}
				require.NotContains(t, err.Error(), "very-secret")
			})
		})
	}
}

func TestLimitsOfAConfigAreAccepted(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		for _, c := range []kafkabus.Config{
			{MaxMessageBytes: 1 << 10, DeliveryTimeout: time.Second, DialTimeout: 100 * time.Millisecond, RequestTimeout: 200 * time.Millisecond, MetadataMaxAge: 200 * time.Millisecond},
			{MaxMessageBytes: 64 << 20, DeliveryTimeout: 24 * time.Hour, DialTimeout: 15 * time.Minute, RequestTimeout: 15 * time.Minute, MetadataMaxAge: time.Hour},
		} {
			cluster := kafkatest.NewCluster(t)
			c.Brokers = cluster.ListenAddrs()
			b := start(t, open, c)
			o := await(t, publish(t, b, plain.message("topic", "key", 1)))
			for deadline := time.Now().Add(patience); o.err != nil && time.Now().Before(deadline); {
				require.ErrorIs(t, o.err, signalcast.ErrDeliveryTimeout) // of the shortest times, on a slow machine
				o = await(t, publish(t, b, plain.message("topic", "key", 1)))
			}
			require.NoError(t, o.err)
		}
	})
}

func TestConfigsNeverShowSecrets(t *testing.T) {
	t.Parallel()
	config := kafkabus.Config{
		Brokers: []string{"kafka.example.org:9093"}, TLS: &tls.Config{MinVersion: tls.VersionTLS12},
		SASLMechanism: "PLAIN", SASLUsername: "name", SASLPassword: "very-secret",
		SchemaRegistry: "https://registry.example.org/path", SchemaRegistryUsername: "name", SchemaRegistryPassword: "very-secret",
	}
	inFranz, err := franz.New(config)
	require.NoError(t, err)
	inKafka, err := kafka.New(config)
	require.NoError(t, err)
	leaky := kafkabus.Config{Brokers: []string{"user:very-secret@kafka.example.org:9093", "kafka.example.org:9093"}, SchemaRegistry: "https://user:very-secret@registry.example.org"}
	for _, shown := range []any{config, leaky, inFranz, inKafka} {
		name := fmt.Sprintf("%T", shown)
		asJSON, err := json.Marshal(shown)
		require.NoError(t, err)
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).InfoContext(t.Context(), "shown", slog.Any("it", shown))
		for _, text := range []string{
			fmt.Sprint(shown), fmt.Sprintf("%+v", shown), fmt.Sprintf("%#v", shown), fmt.Sprintf("%s %q %d %x", shown, shown, shown, shown),
			string(asJSON), logged.String(),
		} {
			require.NotContains(t, text, "very-secret", name)
		}
		require.Contains(t, fmt.Sprintf("%+v", shown), "kafka.example.org:9093", name)
	}
	token := kafkaconfig.Token{Token: "very-secret"}
	asJSON, err := json.Marshal(token)
	require.NoError(t, err)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s %q %d", token, token, token, token, token, token)+string(asJSON), "very-secret")
	require.NoError(t, inFranz.Close(t.Context()))
	require.NoError(t, inKafka.Close(t.Context()))
}

func TestFromEnvReadsTheSettingsOfTheEventBus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		settings map[string]string
		want     kafkabus.Config
	}{
		{"none", nil, kafkabus.Config{}},
		{"without credentials", map[string]string{
			"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS":   "one:9092, two:9092",
			"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": "http://registry:8081",
		}, kafkabus.Config{Brokers: []string{"one:9092", "two:9092"}, SchemaRegistry: "http://registry:8081"}},
		{"with credentials", map[string]string{
			"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS":          "one:9092",
			"EVENT_BUS_KAFKA_API_KEY":                    "key",
			"EVENT_BUS_KAFKA_API_SECRET":                 "secret",
			"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL":        "https://registry:8081",
			"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_KEY":    "registry key",
			"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_API_SECRET": "registry secret",
		}, kafkabus.Config{
			Brokers: []string{"one:9092"}, TLS: &tls.Config{MinVersion: tls.VersionTLS12},
			SASLMechanism: "PLAIN", SASLUsername: "key", SASLPassword: "secret",
			SchemaRegistry: "https://registry:8081", SchemaRegistryUsername: "registry key", SchemaRegistryPassword: "registry secret",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			getenv := func(name string) string { return c.settings[name] }
			require.Equal(t, c.want, kafkaconfig.FromEnv(getenv))
		})
	}
}
