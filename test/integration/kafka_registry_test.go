//go:build integration

package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/openedx/learning"
)

func TestNewDispatcherFailsIfTheRegistryRejectsSchema(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		prefix := uniquePrefix()
		eventType := learning.StudentRegistrationCompleted.EventType()
		subject := prefix + "-users-" + eventType + ".CloudEvent"
		occupy(t, subject, `{"type": "record", "name": "CloudEvent", "namespace": "`+eventType+`", "fields": [{"name": "user", "type": "long"}]}`)
		backend, err := client.new(kafkaConfig(t))
		require.NoError(t, err)
		defer func() { require.NoError(t, backend.Close(t.Context())) }()

		_, err = signalcast.NewDispatcher(t.Context(), openedxRegistry(t), signalcast.ProducerConfig{
			eventType: {"users": {EventKeyField: new("user.id"), Enabled: new(true)}},
		}, backend, signalcast.WithTopicPrefix(prefix))

		var rejected *kafkaconfig.SchemaError
		require.ErrorAs(t, err, &rejected)
		require.Equal(t, subject, rejected.Subject)
		require.True(t, rejected.Rejected, "%v", err)
	})
}

func TestSchemaRegistryOverTLS(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		start := func(t *testing.T, authority string) error {
			t.Helper()
			config := kafkaConfig(t)
			config.SchemaRegistry = setting(t, "SIGNALCAST_TEST_REGISTRY_TLS_URL")
			config.SchemaRegistryTLS = trusting(t, "REGISTRY", authority)
			backend, err := client.new(config)
			require.NoError(t, err)
			defer func() { require.NoError(t, backend.Close(t.Context())) }()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			_, err = signalcast.NewDispatcher(ctx, openedxRegistry(t), signalcast.ProducerConfig{
				learning.StudentRegistrationCompleted.EventType(): {"users": {EventKeyField: new("user.id"), Enabled: new(true)}},
			}, backend, signalcast.WithTopicPrefix(uniquePrefix()))
			return err
		}

		t.Run("trusted authority", func(t *testing.T) {
			t.Parallel()
			require.NoError(t, start(t, "ca.pem"))
		})
		t.Run("unknown authority", func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			err := start(t, "other-ca.pem")
			require.ErrorContains(t, err, "certificate signed by unknown authority")
			require.Less(t, time.Since(began), 5*patience)
		})
	})
}

// occupy registers a schema under a subject that requires compatible versions.
func occupy(t *testing.T, subject, schema string) {
	t.Helper()
	client, err := sr.NewClient(sr.URLs(setting(t, "SIGNALCAST_TEST_REGISTRY_URL")))
	require.NoError(t, err)
	_, err = client.CreateSchema(t.Context(), subject, sr.Schema{Schema: schema})
	require.NoError(t, err)
	for _, set := range client.SetCompatibility(t.Context(), sr.SetCompatibility{Level: sr.CompatBackward}, subject) {
		require.NoError(t, set.Err)
	}
}
