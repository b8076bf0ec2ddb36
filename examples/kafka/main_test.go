package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestReadmeShowsTheOutput(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, client := range []string{"kafka-go", "franz-go"} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1))
			settings := map[string]string{
				"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS":   strings.Join(cluster.ListenAddrs(), ","),
				"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": kafkatest.NewRegistry(t).URL,
				"EVENT_BUS_TOPIC_PREFIX":              "dev",
			}
			var out strings.Builder
			require.NoError(t, run(t.Context(), []string{"--client", client}, func(name string) string { return settings[name] }, &out))
			require.Contains(t, string(readme), "```\n"+out.String()+"```\n")
		})
	}
}

func TestMissingBrokersIsAnError(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), nil, func(string) string { return "" }, &strings.Builder{})
	require.ErrorContains(t, err, "Config.Brokers: found none")
}

func TestUnknownClientIsAnError(t *testing.T) {
	t.Parallel()
	err := run(t.Context(), []string{"--client", "sarama"}, func(string) string { return "" }, &strings.Builder{})
	require.ErrorContains(t, err, `--client: found "sarama"; want kafka-go or franz-go`)
}
