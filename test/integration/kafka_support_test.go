//go:build integration

package integration_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

// kafkaClient is one of the two backends for Kafka, which share a configuration.
type kafkaClient struct {
	name string
	new  func(kafkaconfig.Config) (signalcast.Backend, error)
}

func kafkaClients() []kafkaClient {
	return []kafkaClient{
		{"franz-go", func(c kafkaconfig.Config) (signalcast.Backend, error) { return franz.New(c) }},
		{"kafka-go", func(c kafkaconfig.Config) (signalcast.Backend, error) { return kafka.New(c) }},
	}
}

// withEachKafkaClient runs test once for each backend for Kafka.
func withEachKafkaClient(t *testing.T, test func(t *testing.T, client kafkaClient)) {
	t.Helper()
	for _, client := range kafkaClients() {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			test(t, client)
		})
	}
}

// kafkaConfig returns a configuration with the broker and the schema registry of the tests.
func kafkaConfig(t *testing.T) kafkaconfig.Config {
	t.Helper()
	return kafkaconfig.Config{
		Brokers:        []string{setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS")},
		SchemaRegistry: setting(t, "SIGNALCAST_TEST_REGISTRY_URL"),
	}
}

// certificate returns the path of a file of test/servers/certs.sh. server is KAFKA or REGISTRY.
func certificate(t *testing.T, server, name string) string {
	t.Helper()
	return filepath.Join(setting(t, "SIGNALCAST_TEST_"+server+"_CERTS"), name)
}

// trusting returns a TLS configuration that trusts one authority of certs.sh.
func trusting(t *testing.T, server, authority string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(certificate(t, server, authority))
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

// readRecords returns the records of a topic and requires that there are count of them.
func readRecords(t *testing.T, topic string, count int) []*kgo.Record {
	t.Helper()
	records := kafkatest.Read(t, topic, kgo.SeedBrokers(setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS")))
	require.Len(t, records, count, topic)
	return records
}

// registered returns the schema of a subject and requires that it has one version.
func registered(t *testing.T, subject string) sr.SubjectSchema {
	t.Helper()
	client, err := sr.NewClient(sr.URLs(setting(t, "SIGNALCAST_TEST_REGISTRY_URL")))
	require.NoError(t, err)
	schema, err := client.SchemaByVersion(t.Context(), subject, -1)
	require.NoError(t, err)
	require.Equal(t, 1, schema.Version, "versions of %s", subject)
	return schema
}
