//go:build integration

package integration_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

const goldenDir = "../../testdata/golden"

// goldenEvent is the golden data of one event type.
type goldenEvent struct {
	EventType string         `json:"event_type"`
	Samples   []goldenSample `json:"samples"`

	topic    string
	keyField string
	entries  []goldenEntry // in the order of Samples
}

type goldenSample struct {
	Name         string              `json:"name"`
	Data         json.RawMessage     `json:"data"`
	ConsumerSees json.RawMessage     `json:"reference_consumer_sees"` // nil if it equals Data
	Metadata     signalcast.Metadata `json:"metadata"`
}

// seenByConsumer returns the data that a consumer of the reference receives.
func (s goldenSample) seenByConsumer() json.RawMessage {
	if s.ConsumerSees != nil {
		return s.ConsumerSees
	}
	return s.Data
}

type goldenEntry struct {
	Sample string `json:"sample"`
	Fields []struct {
		Name string `json:"name"`
		Hex  string `json:"hex"`
	} `json:"fields"`
}

// goldenEvents returns the golden data of every event type, sorted by name.
func goldenEvents(t *testing.T) []goldenEvent {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, "events", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	events := make([]goldenEvent, len(files))
	for i, file := range files {
		readJSON(t, file, &events[i])
		name := filepath.Base(file)
		var redis struct {
			Topic   string        `json:"topic"`
			Entries []goldenEntry `json:"entries"`
		}
		readJSON(t, filepath.Join(goldenDir, "redis", name), &redis)
		var kafka struct {
			EventKeyField string `json:"event_key_field"`
		}
		readJSON(t, filepath.Join(goldenDir, "kafka", name), &kafka)
		events[i].topic, events[i].entries, events[i].keyField = redis.Topic, redis.Entries, kafka.EventKeyField
	}
	return events
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into), file)
}

// tree decodes JSON for comparison. It keeps the text of numbers, because a float64 cannot hold every 64-bit integer.
func tree(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	return v
}
