package kafkabus_test

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/internal/kafkatest"
	"github.com/signalcast/signalcast/openedx"
)

const golden = "../../testdata/golden"

// goldenRecords is what the reference writes to Kafka for the samples of an event type.
type goldenRecords struct {
	EventType     string `json:"event_type"`
	BaseTopic     string `json:"base_topic"`
	Prefix        string `json:"prefix"`
	Topic         string `json:"topic"`
	EventKeyField string `json:"event_key_field"`
	Subjects      []struct {
		Subject string `json:"subject"`
		Schema  string `json:"schema"`
		ID      int    `json:"id"`
	} `json:"subjects"`
	Records []struct {
		Sample    string `json:"sample"`
		Partition int32  `json:"partition"`
		Key       string `json:"key_hex"`
		Value     string `json:"value_hex"`
		Headers   []struct {
			Name string `json:"name"`
			Hex  string `json:"hex"`
		} `json:"headers"`
	} `json:"records"`
}

type goldenEvents struct {
	Samples []struct {
		Name     string              `json:"name"`
		Data     json.RawMessage     `json:"data"`
		Metadata signalcast.Metadata `json:"metadata"`
	} `json:"samples"`
}

func TestRecordsEqualThoseOfTheReference(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(golden, "kafka", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster, registry := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1)), kafkatest.NewRegistry(t)
		config := signalcast.ProducerConfig{}
		want := map[string]goldenRecords{}
		for _, file := range files {
			var g goldenRecords
			readJSON(t, file, &g)
			if strings.Contains(g.EventType, "-") {
				continue // not a valid namespace
			}
			for _, s := range g.Subjects {
				registry.Assign(s.Subject, s.Schema, s.ID)
			}
			enabled := true
			config[g.EventType] = map[string]signalcast.TopicConfig{
				g.BaseTopic: {EventKeyField: &g.EventKeyField, Enabled: &enabled},
			}
			want[filepath.Base(file)] = g
		}
		signals := signalcast.NewRegistry()
		require.NoError(t, signals.Register(openedx.Signals()...))
		c := kafkatest.Limited(cluster.ListenAddrs(), registry.URL, noLimits)
		c.RequestTimeout = patience // a schema is registered again after a timeout
		backend, err := open(c)
		require.NoError(t, err)
		dispatcher, err := signalcast.NewDispatcher(t.Context(), signals, config, backend, signalcast.WithTopicPrefix("gold"))
		require.NoError(t, err)
		for _, name := range slices.Sorted(maps.Keys(want)) {
			var events goldenEvents
			readJSON(t, filepath.Join(golden, "events", name), &events)
			for _, s := range events.Samples {
				err := signals.SendJSON(t.Context(), want[name].EventType, s.Data, signalcast.WithMetadata(s.Metadata))
				require.NoError(t, err, "%s, sample %s", name, s.Name)
			}
		}
		require.NoError(t, dispatcher.Close(t.Context()))

		var subjects []string
		for name, g := range want {
			records := cluster.Read(t, g.Topic)
			require.Len(t, records, len(g.Records), name)
			for i, w := range g.Records {
				r := records[i]
				require.Equal(t, w.Partition, r.Partition)
				require.Equal(t, w.Key, hex.EncodeToString(r.Key), "key of %s, sample %s", name, w.Sample)
				require.Equal(t, w.Value, hex.EncodeToString(r.Value), "value of %s, sample %s", name, w.Sample)
				require.Len(t, r.Headers, len(w.Headers))
				for h, header := range w.Headers {
					require.Equal(t, header.Name, r.Headers[h].Key)
					require.Equal(t, header.Hex, hex.EncodeToString(r.Headers[h].Value), "header %s of %s, sample %s", header.Name, name, w.Sample)
				}
			}
			for _, s := range g.Subjects {
				subjects = append(subjects, s.Subject)
			}
		}
		slices.Sort(subjects)
		require.Equal(t, subjects, registry.Subjects(), "each schema is registered once")
	})
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), file)
}
