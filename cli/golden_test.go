package cli_test

import (
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

const golden = "../testdata/golden"

// walk calls f with the event type and the text of every golden file in a directory.
func walk(t *testing.T, dir, ending string, f func(eventType string, text []byte)) {
	t.Helper()
	found := 0
	require.NoError(t, filepath.WalkDir(filepath.Join(golden, dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		found++
		f(strings.TrimSuffix(filepath.Base(path), ending), text)
		return err
	}))
	require.Positive(t, found)
}

func TestSchemaIsTheTextOfOpenedxEvents(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	walk(t, "schemas", ".avsc", func(eventType string, text []byte) {
		require.Equal(t, string(text)+"\n", c.fine(t, "schema", eventType))
	})
}

func TestKeySchemaIsTheTextOfOpenedxEventsOrAnError(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	walk(t, "events", ".json", func(eventType string, text []byte) {
		var events struct {
			Samples []struct {
				Keys []struct {
					EventKeyField string `json:"event_key_field"`
					Schema, Error string
				}
			}
		}
		require.NoError(t, json.Unmarshal(text, &events))
		for _, key := range events.Samples[0].Keys {
			if key.Error != "" {
				require.Equal(t, cli.ExitProblems, c.run("schema", eventType, "--key", key.EventKeyField).code, "%s %s", eventType, key.EventKeyField)
			} else {
				require.Equal(t, key.Schema+"\n", c.fine(t, "schema", eventType, "--key", key.EventKeyField))
			}
		}
	})
}

// samples are the golden events of one event type.
type samples struct {
	Samples []struct {
		Name           string
		Data, Metadata json.RawMessage
	}
}

// files writes the data and the metadata of a sample and returns the flags for them.
func files(t *testing.T, eventType, sample string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(golden, "events", eventType+".json"))
	require.NoError(t, err)
	var events samples
	require.NoError(t, json.Unmarshal(text, &events))
	for _, s := range events.Samples {
		if s.Name == sample {
			return []string{"--data", write(t, "data.json", string(s.Data)), "--metadata", write(t, "metadata.json", string(s.Metadata))}
		}
	}
	require.Fail(t, "no such sample", "%s %s", eventType, sample)
	return nil
}

// config writes a configuration with one enabled topic and returns its path.
func config(t *testing.T, eventType, topic, keyField string) string {
	t.Helper()
	key := `"keyless": true`
	if keyField != "" {
		key = `"event_key_field": ` + strconv.Quote(keyField)
	}
	return write(t, "config.json", `{"`+eventType+`": {"`+topic+`": {"enabled": true, `+key+`}}}`)
}

type explained struct {
	Topics []struct {
		FullTopic string `json:"full_topic"`
		Message   struct {
			KeySchema string `json:"key_schema"`
			KeyHex    string `json:"key_hex"`
			FramedHex string `json:"kafka_key_hex"`
			Partition *int   `json:"kafka_partition"`
		}
	}
	Event struct {
		ValueHex     string  `json:"value_hex"`
		KafkaHeaders []field `json:"kafka_headers"`
		RedisEntry   []field `json:"redis_entry"`
	}
}

type field struct{ Name, Hex string }

type redisGolden struct {
	Topic, Prefix, Stream string
	Entries               []struct {
		Sample string
		Fields []field
	}
}

func TestRedisEntriesAreThoseOfThePythonProducer(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	walk(t, "redis", ".json", func(eventType string, text []byte) {
		var want redisGolden
		require.NoError(t, json.Unmarshal(text, &want))
		configuration := config(t, eventType, want.Topic, "")
		for _, entry := range want.Entries {
			args := append(files(t, eventType, entry.Sample), "--prefix", want.Prefix, "-c", configuration, eventType)
			var got explained
			require.NoError(t, json.Unmarshal([]byte(c.fine(t, append([]string{"explain", "--format", "json"}, args...)...)), &got))
			require.Equal(t, want.Stream, got.Topics[0].FullTopic)
			require.Equal(t, entry.Fields, got.Event.RedisEntry, "%s %s", eventType, entry.Sample)

			server := miniredis.RunT(t)
			c.fine(t, append([]string{"send", "--to", "redis://" + server.Addr() + "/0"}, args...)...)
			stored, err := server.Stream(want.Stream)
			require.NoError(t, err)
			require.Len(t, stored, 1)
			var fields []field
			for i := 0; i < len(stored[0].Values); i += 2 {
				fields = append(fields, field{stored[0].Values[i], hex.EncodeToString([]byte(stored[0].Values[i+1]))})
			}
			require.Equal(t, entry.Fields, fields, "%s %s", eventType, entry.Sample)
			server.Close()
		}
	})
}

type kafkaGolden struct {
	Topic         string
	BaseTopic     string `json:"base_topic"`
	Prefix        string
	EventKeyField string `json:"event_key_field"`
	Subjects      []struct {
		Subject, Schema string
		ID              int
	}
	Records []struct {
		Sample   string
		KeyHex   string `json:"key_hex"`
		ValueHex string `json:"value_hex"`
		Headers  []field
	}
}

func TestExplainedKafkaRecordsAreThoseOfThePythonProducer(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	walk(t, "kafka", ".json", func(eventType string, text []byte) {
		var want kafkaGolden
		require.NoError(t, json.Unmarshal(text, &want))
		configuration := config(t, eventType, want.BaseTopic, want.EventKeyField)
		for _, record := range want.Records {
			id, err := strconv.ParseUint(record.KeyHex[2:10], 16, 32)
			require.NoError(t, err)
			args := append(files(t, eventType, record.Sample), "explain", "--format", "json", "--prefix", want.Prefix, "-c", configuration,
				"--partitions", "1", "--key-schema-id", strconv.FormatUint(id, 10), eventType)
			var got explained
			require.NoError(t, json.Unmarshal([]byte(c.fine(t, args...)), &got))
			require.Equal(t, want.Topic, got.Topics[0].FullTopic)
			require.Equal(t, record.KeyHex, got.Topics[0].Message.FramedHex, "%s %s", eventType, record.Sample)
			require.Equal(t, record.KeyHex[10:], got.Topics[0].Message.KeyHex)
			require.Zero(t, *got.Topics[0].Message.Partition)
			require.Equal(t, record.ValueHex[10:], got.Event.ValueHex, "%s %s", eventType, record.Sample)
			require.Equal(t, record.Headers, got.Event.KafkaHeaders, "%s %s", eventType, record.Sample)
		}
	})
}

func TestSentKafkaRecordsAreThoseOfThePythonProducer(t *testing.T) {
	t.Parallel()
	for _, client := range []string{"franz", "kafka-go"} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			c := newProgram(t)
			cluster, registry := kafkatest.NewCluster(t, kfake.DefaultNumPartitions(1)), kafkatest.NewRegistry(t)
			to := "kafka://" + strings.Join(cluster.ListenAddrs(), ",") + "?client=" + client + "&registry=" + registry.URL
			walk(t, "kafka", ".json", func(eventType string, text []byte) {
				var want kafkaGolden
				require.NoError(t, json.Unmarshal(text, &want))
				if strings.Contains(eventType, "-") {
					return // a real registry rejects the namespace
				}
				for _, s := range want.Subjects {
					registry.Assign(s.Subject, s.Schema, s.ID)
				}
				record := want.Records[0]
				out := c.fine(t, append(files(t, eventType, record.Sample), "send", "--to", to, "--prefix", want.Prefix,
					"-c", config(t, eventType, want.BaseTopic, want.EventKeyField), eventType)...)
				require.Equal(t, "delivered  "+want.Topic+": partition 0, offset 0\n", out)
				got := cluster.Read(t, want.Topic)
				require.Len(t, got, 1)
				require.Equal(t, record.KeyHex, hex.EncodeToString(got[0].Key), eventType)
				require.Equal(t, record.ValueHex, hex.EncodeToString(got[0].Value), eventType)
				var headers []field
				for _, h := range got[0].Headers {
					headers = append(headers, field{h.Key, hex.EncodeToString(h.Value)})
				}
				require.Equal(t, record.Headers, headers, eventType)
			})
		})
	}
}

func TestPartitionIsThatOfThePythonProducer(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	const eventType = "org.openedx.learning.course.enrollment.created.v1"
	args := append(files(t, eventType, "full"), "explain", "--format", "json",
		"-c", config(t, eventType, "t", "enrollment.course.course_key"), "--key-schema-id", "1", eventType)
	for partitions, want := range map[string]int{"7": 6, "12": 4, "1000": 704} {
		var got explained
		require.NoError(t, json.Unmarshal([]byte(c.fine(t, append(args, "--partitions", partitions)...)), &got))
		require.Equal(t, want, *got.Topics[0].Message.Partition, partitions)
	}
	require.Equal(t, cli.ExitUsage, c.run("explain", eventType, "-c", config(t, eventType, "t", ""), "--partitions", "3").code)
}
