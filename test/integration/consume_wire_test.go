//go:build integration

package integration_test

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/signalcast/signalcast/openedx/learning"
)

// wireCase is a message made by hand, and what the consumer of the reference does with it.
type wireCase struct {
	Case     string          `json:"case"`
	Fields   json.RawMessage `json:"fields"`  // of Redis: an object, in the order of the wire
	Headers  [][2]string     `json:"headers"` // of Kafka
	Value    *string         `json:"value_hex"`
	Received bool            `json:"received"`
}

// verdicts says what a consumer does with each message made by hand.
type verdicts struct {
	handled, rejected, skipped []string
}

// differing returns the cases that the reference treats in another way: it either handles an event or loses it.
func (v verdicts) differing(cases []wireCase) (names []string) {
	for _, c := range cases {
		if slices.Contains(v.handled, c.Case) != c.Received {
			names = append(names, c.Case)
		}
	}
	return names
}

// documented returns the cases of the table in docs/consuming.md that are for a bus.
func documented(t *testing.T, bus string) (names []string) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "consuming.md"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(page), "<!-- wire cases -->")
	require.True(t, found)
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 {
			continue
		}
		if where := strings.TrimSpace(cells[2]); where == bus || where == "both" {
			names = append(names, strings.TrimSpace(cells[1]))
		}
	}
	return names
}

func TestConsumersTreatUnusualMessagesAsDocumented(t *testing.T) {
	t.Parallel()
	var cases map[string][]wireCase
	readJSON(t, filepath.Join(goldenDir, "wire_cases.json"), &cases)
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		stream := uniquePrefix() + "-unusual"
		names := map[string]string{}
		for _, c := range cases["redis"] {
			id, err := client(t).XAdd(t.Context(), &goredis.XAddArgs{Stream: stream, Values: c.redisFields(t)}).Result()
			require.NoError(t, err, c.Case)
			names[stream+"/"+id] = c.Case
		}
		got := consumeAll(t, redisSource(t, "go", stream), len(names))
		requireVerdicts(t, "redis", cases["redis"], got, names)
	})
	t.Run("kafka", func(t *testing.T) {
		t.Parallel()
		topic := uniquePrefix() + "-unusual"
		createTopic(t, topic, 1)
		names := produceWireCases(t, topic, cases["kafka"])
		got := consumeAll(t, kafkaSource(t, "go-"+topic, topic), len(names))
		requireVerdicts(t, "kafka", cases["kafka"], got, names)
	})
}

// requireVerdicts requires that the messages that are treated in another way than by the reference are documented.
func requireVerdicts(t *testing.T, bus string, cases []wireCase, got *collector, names map[string]string) {
	t.Helper()
	v := verdicts{}
	left := maps.Clone(names)
	for position := range got.rejected {
		v.rejected = append(v.rejected, names[position])
		delete(left, position)
	}
	for _, position := range got.skipped {
		v.skipped = append(v.skipped, names[position])
		delete(left, position)
	}
	v.handled = slices.Sorted(maps.Values(left))
	require.Len(t, got.events, len(v.handled))
	for _, c := range cases {
		if c.Case == "unknown type" {
			require.Contains(t, v.skipped, c.Case)
		}
	}
	require.ElementsMatch(t, documented(t, bus), v.differing(cases), "rejected: %q", v.rejected)
}

// redisFields returns the names and values of an entry, in their order.
func (c wireCase) redisFields(t *testing.T) (list []any) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(c.Fields)))
	_, err := dec.Token()
	require.NoError(t, err)
	for dec.More() {
		name, err := dec.Token()
		require.NoError(t, err)
		value, err := dec.Token()
		require.NoError(t, err)
		text := value.(string)
		if name == "event_data" {
			bytes, err := hex.DecodeString(text)
			require.NoError(t, err)
			text = string(bytes)
		}
		list = append(list, name, wireText(text))
	}
	return list
}

// wireText returns the bytes of a value. The golden data has those that are not UTF-8 in hex.
func wireText(text string) string {
	if text == "fffe" {
		return "\xff\xfe"
	}
	return text
}

// produceWireCases writes the records, with their writers' schemas registered, and returns their names by position.
func produceWireCases(t *testing.T, topic string, cases []wireCase) map[string]string {
	t.Helper()
	registry, err := sr.NewClient(sr.URLs(setting(t, "SIGNALCAST_TEST_REGISTRY_URL")))
	require.NoError(t, err)
	producer, err := kgo.NewClient(kgo.SeedBrokers(setting(t, "SIGNALCAST_TEST_KAFKA_BROKERS")), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(producer.Close)
	names := map[string]string{}
	for i, c := range cases {
		if c.Case == "schema id unknown to the registry" {
			continue // the partition would wait for the schema
		}
		record := &kgo.Record{Topic: topic, Value: c.value(t)}
		for _, h := range c.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(wireText(h[1]))})
		}
		if len(record.Value) >= 5 && record.Value[0] == 0 {
			schema, err := registry.CreateSchema(t.Context(), topic+"-"+strconv.Itoa(i), sr.Schema{Schema: writerSchema(t, c)})
			require.NoError(t, err, c.Case)
			record.Value = append([]byte{0, byte(schema.ID >> 24), byte(schema.ID >> 16), byte(schema.ID >> 8), byte(schema.ID)}, record.Value[5:]...)
		}
		require.NoError(t, producer.ProduceSync(t.Context(), record).FirstErr())
		names[topic+"/0/"+strconv.FormatInt(record.Offset, 10)] = c.Case
	}
	return names
}

func (c wireCase) value(t *testing.T) []byte {
	t.Helper()
	if c.Value == nil {
		return nil
	}
	value, err := hex.DecodeString(*c.Value)
	require.NoError(t, err)
	return value
}

// writerSchema returns the schema that the record of a case was written with.
func writerSchema(t *testing.T, c wireCase) string {
	t.Helper()
	eventType := learning.StudentRegistrationCompleted.EventType()
	if c.Case == "writer schema lacks a nullable field (default null)" {
		eventType = learning.CourseEnrollmentCreated.EventType()
	}
	text, err := os.ReadFile(filepath.Join(goldenDir, "schemas", eventType+".avsc"))
	require.NoError(t, err)
	var schema map[string]any
	require.NoError(t, json.Unmarshal(text, &schema))
	outer := schema["fields"].([]any)
	data := outer[0].(map[string]any)["type"].(map[string]any) // UserData or CourseEnrollmentData
	fields := data["fields"].([]any)
	switch c.Case {
	case "writer schema without doc":
		delete(schema, "doc")
	case "writer schema with another record name and namespace":
		schema["name"], schema["namespace"] = "Other", "org.example"
	case "writer schema has one more field":
		schema["fields"] = append(outer, map[string]any{"name": "extra", "type": "string"})
	case "writer schema has the fields in another order":
		slices.Reverse(fields)
	case "writer schema lacks a field that has no default":
		data["fields"] = slices.Delete(fields, 1, 2)
	case "writer schema: int where the reader has long":
		fields[0].(map[string]any)["type"] = "int"
	case "writer schema: another name for the inner record":
		data["name"] = "OtherData"
	case "writer schema lacks a nullable field (default null)":
		data["fields"] = fields[:len(fields)-1]
	}
	changed, err := json.Marshal(schema)
	require.NoError(t, err)
	return string(changed)
}
