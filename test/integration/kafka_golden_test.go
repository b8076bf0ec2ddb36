//go:build integration

package integration_test

import (
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
)

// hyphenated is an event type that a strict schema registry rejects.
const hyphenated = "org.openedx.enterprise.subsidy.redemption-reversed.v1"

// goldenKafka holds the records and schemas that the reference wrote for one event type.
type goldenKafka struct {
	Prefix   string          `json:"prefix"`
	Subjects []goldenSubject `json:"subjects"`
	Records  []goldenRecord  `json:"records"`
}

type goldenSubject struct {
	Subject string `json:"subject"`
	ID      int    `json:"id"`
	Schema  string `json:"schema"`
}

type goldenRecord struct {
	Sample  string         `json:"sample"`
	Key     string         `json:"key_hex"`
	Value   string         `json:"value_hex"`
	Headers []goldenHeader `json:"headers"`
}

type goldenHeader struct {
	Name  string `json:"name"`
	Value string `json:"hex"`
}

func TestReferenceReadsEveryEventTypeFromKafka(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		events := slices.DeleteFunc(goldenEvents(t), func(e goldenEvent) bool { return e.EventType == hyphenated })
		prefix := uniquePrefix()
		backend, err := client.new(kafkaConfig(t))
		require.NoError(t, err)
		sendSamples(t, traced{backend}, prefix, events)

		t.Run("schemas and records equal the reference", func(t *testing.T) {
			t.Parallel()
			for _, event := range events {
				var golden goldenKafka
				readJSON(t, filepath.Join(goldenDir, "kafka", event.EventType+".json"), &golden)
				ids := make(map[string]string) // framed schema IDs: golden data to this registry
				for _, want := range golden.Subjects {
					got := registered(t, prefix+strings.TrimPrefix(want.Subject, golden.Prefix))
					require.Equal(t, want.Schema, got.Schema.Schema)
					ids[frame(want.ID)] = frame(got.ID)
				}
				records := readRecords(t, prefix+"-"+event.topic, len(golden.Records))
				for i, want := range golden.Records {
					require.Equal(t, want.Sample, event.Samples[i].Name)
					want.Key = ids[want.Key[:10]] + want.Key[10:]
					want.Value = ids[want.Value[:10]] + want.Value[10:]
					require.Equal(t, want, asGolden(want.Sample, records[i]), event.EventType)
				}
			}
		})

		t.Run("the consumer of the reference receives every event and logs nothing", func(t *testing.T) {
			t.Parallel()
			var sent []goldenSample
			for _, event := range events {
				sent = append(sent, event.Samples...)
			}
			got, log, err := readWithReference(t, "check_kafka.py", len(sent),
				"--brokers", setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS"), "--registry", setting(t, "SIGNALCAST_TEST_REGISTRY_URL"),
				"--topic", prefix+"-"+everything)
			require.NoError(t, err, log)
			require.Len(t, got, len(sent))
			for i, sample := range sent {
				require.Equal(t, sample.Metadata, got[i].Metadata, "%s, sample %s", sample.Metadata.EventType, sample.Name)
				require.Equal(t, tree(t, sample.seenByConsumer()), tree(t, got[i].Data), "%s, sample %s", sample.Metadata.EventType, sample.Name)
			}
		})
	})
}

func TestNewDispatcherRejectsEventTypeThatIsNotAnAvroNamespace(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		backend, err := client.new(kafkaConfig(t))
		require.NoError(t, err)
		defer func() { require.NoError(t, backend.Close(t.Context())) }()
		config := signalcast.ProducerConfig{hyphenated: {"reversed": {
			EventKeyField: new("redemption.subsidy_identifier"), Enabled: new(true),
		}}}

		_, err = signalcast.NewDispatcher(t.Context(), openedxRegistry(t), config, backend)

		require.ErrorContains(t, err, hyphenated)
		require.ErrorContains(t, err, `found "redemption-reversed" in the namespace`)
	})
}

func TestKafkaCarriesJSONWithoutSchemaRegistry(t *testing.T) {
	t.Parallel()
	withEachKafkaClient(t, func(t *testing.T, client kafkaClient) {
		t.Helper()
		events := goldenEvents(t)
		prefix := uniquePrefix()
		config := kafkaConfig(t)
		config.SchemaRegistry = ""
		backend, err := client.new(config)
		require.NoError(t, err)
		sendSamples(t, backend, prefix, events, signalcast.WithCodec(signalcast.JSON()))

		var sent []goldenSample
		var keyFields []string
		for _, event := range events {
			sent = append(sent, event.Samples...)
			keyFields = append(keyFields, slices.Repeat([]string{event.keyField}, len(event.Samples))...)
		}
		for i, record := range readRecords(t, prefix+"-"+everything, len(sent)) {
			require.Equal(t, keyText(t, sent[i].Data, keyFields[i]), string(record.Key))
			require.Equal(t, tree(t, sent[i].Data), tree(t, record.Value))
			require.Equal(t, "content-type: application/json", record.Headers[1].Key+": "+string(record.Headers[1].Value))
			require.Equal(t, "ce_type: "+sent[i].Metadata.EventType, record.Headers[3].Key+": "+string(record.Headers[3].Value))
		}
	})
}

// asGolden converts a record to the form of the golden data.
func asGolden(sample string, r *kgo.Record) goldenRecord {
	record := goldenRecord{Sample: sample, Key: hex.EncodeToString(r.Key), Value: hex.EncodeToString(r.Value)}
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, goldenHeader{h.Key, hex.EncodeToString(h.Value)})
	}
	return record
}

// frame returns the bytes before Avro data with this schema ID, in hex: a zero byte and the ID.
func frame(id int) string {
	digits := strconv.FormatInt(int64(id), 16)
	return strings.Repeat("0", 10-len(digits)) + digits
}

// keyText returns the text of the value at a path of event data.
func keyText(t *testing.T, data json.RawMessage, path string) string {
	t.Helper()
	value := tree(t, data)
	for name := range strings.SplitSeq(path, ".") {
		value = value.(map[string]any)[name]
	}
	switch v := value.(type) {
	case string:
		return v
	default:
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return string(text)
	}
}
