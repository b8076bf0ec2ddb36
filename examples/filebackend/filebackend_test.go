package filebackend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/examples/filebackend"
)

func message(value string) *signalcast.Message {
	return &signalcast.Message{
		Topic: "orders", Key: []byte("key"),
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{
				ID: signalcast.NewUUID(), EventType: "org.example.order.placed.v1",
				Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), SourceLib: "1",
			},
			Value: []byte(value),
		},
	}
}

func TestLineThatACrashHasCutIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "orders.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(`{"metadata": {"id"`), 0o600))
	b, err := filebackend.New(filebackend.Config{Dir: dir})
	require.NoError(t, err)
	require.NoError(t, b.Publish(t.Context(), message("one"), func(signalcast.Receipt, error) {}))
	require.NoError(t, b.Close(t.Context()))

	lines := readLines(t, path)
	require.Len(t, lines, 1)
	require.Equal(t, "one", string(lines[0].Value))
}

func TestReceiptSaysWhereTheLineBegins(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	ready, dir := filepath.Join(parent, "ready"), filepath.Join(parent, "topics")
	require.NoError(t, os.Mkdir(ready, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(ready, "orders.jsonl"), []byte("{cut"), 0o600))
	b, err := filebackend.New(filebackend.Config{Dir: dir})
	require.NoError(t, err)
	values := []string{"one", "two", "three"}
	receipts := make(chan signalcast.Receipt, len(values))
	for _, value := range values { // while there is no directory, so that some are written together
		require.NoError(t, b.Publish(t.Context(), message(value), func(r signalcast.Receipt, _ error) { receipts <- r }))
	}
	require.NoError(t, os.Rename(ready, dir))
	require.NoError(t, b.Close(t.Context()))

	text, err := os.ReadFile(filepath.Join(dir, "orders.jsonl"))
	require.NoError(t, err)
	for _, value := range values {
		offset, err := strconv.Atoi((<-receipts).ID)
		require.NoError(t, err)
		var line filebackend.Line
		require.NoError(t, json.NewDecoder(bytes.NewReader(text[offset:])).Decode(&line))
		require.Equal(t, value, string(line.Value))
	}
}

func TestFileThatCannotBeOpenedIsRetriedAndLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b, err := filebackend.New(filebackend.Config{
			Dir:   filepath.Join(t.TempDir(), "none"),
			Queue: backendkit.QueueConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))},
		})
		require.NoError(t, err)
		m := message("secret")
		outcomes := make(chan error, 1)
		require.NoError(t, b.Publish(t.Context(), m, func(_ signalcast.Receipt, err error) { outcomes <- err }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, b.Close(ctx), context.DeadlineExceeded)
		require.ErrorContains(t, <-outcomes, "not written")

		require.Contains(t, log.String(), "delivery fails, retrying")
		require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "an outage is logged once")
		require.NotContains(t, log.String(), "secret")
	})
}

func TestNewRejectsInvalidConfigurations(t *testing.T) {
	t.Parallel()
	for problem, c := range map[string]filebackend.Config{
		"Config.Dir: found nothing; want the directory": {},
		"found BufferMessages -1, BufferBytes 0":        {Dir: "d", Queue: backendkit.QueueConfig{BufferMessages: -1}},
		"found BufferMessages 0, BufferBytes -1":        {Dir: "d", Queue: backendkit.QueueConfig{BufferBytes: -1}},
	} {
		_, err := filebackend.New(c)
		require.ErrorContains(t, err, problem)
	}
}
