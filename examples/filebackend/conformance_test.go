package filebackend_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/backends/backendtest"
	"github.com/signalcast/signalcast/examples/filebackend"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	backendtest.Run(t, backendtest.Harness{
		New: func(t testing.TB, limits backendtest.Limits) backendtest.Subject {
			t.Helper()
			dir := filepath.Join(t.TempDir(), "topics")
			require.NoError(t, os.Mkdir(dir, 0o700))
			b, err := filebackend.New(filebackend.Config{
				Dir: dir,
				Queue: backendkit.QueueConfig{
					BufferMessages: limits.Messages, BufferBytes: int64(limits.Bytes), FailFast: limits.FailFast,
				},
			})
			require.NoError(t, err)
			return backendtest.Subject{
				Backend: b,
				Read:    func(topic string) []backendtest.Record { return records(t, dir, topic) },
				Stop:    func() { require.NoError(t, os.Rename(dir, dir+"-away")) },
				Start:   func() { require.NoError(t, os.Rename(dir+"-away", dir)) },
			}
		},
		RejectedTopics: []string{"../secrets", ".hidden", "a b"},
	})
}

// records reads a topic back.
func records(t testing.TB, dir, topic string) []backendtest.Record {
	t.Helper()
	var all []backendtest.Record
	for _, line := range readLines(t, filepath.Join(dir, topic+".jsonl")) {
		all = append(all, backendtest.Record{
			Key: line.Key, Value: line.Value, Attributes: backendtest.Attributes(line.Metadata),
		})
	}
	return all
}

// readLines returns the lines of a file, none if there is no file. What is not a
// whole line was not delivered.
func readLines(t testing.TB, path string) []filebackend.Line {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	var lines []filebackend.Line
	for text := range bytes.Lines(text) {
		var line filebackend.Line
		if json.Unmarshal(text, &line) == nil {
			lines = append(lines, line)
		}
	}
	return lines
}
