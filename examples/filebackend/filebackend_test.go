package filebackend_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/examples/filebackend"
)

func message(value string) *signalcast.Message {
	return &signalcast.Message{
		Topic: "orders", Key: []byte("key"),
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{
				ID: signalcast.NewUUID(), EventType: "org.example.order.placed.v1",
				Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), SourceLib: signalcast.SourceLib{1},
			},
			Value: []byte(value),
		},
	}
}

func publish(t *testing.T, b *filebackend.Backend, m *signalcast.Message) signalcast.Receipt {
	t.Helper()
	type outcome struct {
		receipt signalcast.Receipt
		err     error
	}
	known := make(chan outcome, 1)
	require.NoError(t, b.Publish(t.Context(), m, func(r signalcast.Receipt, err error) { known <- outcome{r, err} }))
	o := <-known
	require.NoError(t, o.err)
	return o.receipt
}

func TestALineThatACrashHasCutIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "orders.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(`{"metadata": {"id"`), 0o600))
	b, err := filebackend.New(filebackend.Config{Dir: dir})
	require.NoError(t, err)
	first, second := publish(t, b, message("one")), publish(t, b, message("two"))
	require.NoError(t, b.Close(t.Context()))

	lines := readLines(t, path)
	require.Len(t, lines, 2)
	require.Equal(t, "one", string(lines[0].Value))
	require.Equal(t, "two", string(lines[1].Value))

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for want, receipt := range map[string]signalcast.Receipt{"b25l": first, "dHdv": second} {
		offset, err := strconv.Atoi(receipt.ID)
		require.NoError(t, err)
		line, _, _ := bytes.Cut(text[offset:], []byte("\n"))
		require.Contains(t, string(line), want, "the receipt says where the line begins")
	}
}

func TestAFileThatCannotBeOpenedIsTriedAgainAndLogged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b, err := filebackend.New(filebackend.Config{
			Dir: filepath.Join(t.TempDir(), "none"), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		require.NoError(t, err)
		m := message("secret")
		outcomes := make(chan error, 1)
		require.NoError(t, b.Publish(t.Context(), m, func(_ signalcast.Receipt, err error) { outcomes <- err }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, b.Close(ctx), context.DeadlineExceeded)
		require.ErrorContains(t, <-outcomes, "not written")

		require.Contains(t, log.String(), "messages=1")
		require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("\n")), "an outage is logged once")
		require.NotContains(t, log.String(), "secret")
	})
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for problem, c := range map[string]filebackend.Config{
		"Dir is empty": {},
		"the buffer is for -1 messages and 0 bytes; neither may be negative": {Dir: "d", BufferMessages: -1},
		"the buffer is for 0 messages and -1 bytes; neither may be negative": {Dir: "d", BufferBytes: -1},
	} {
		_, err := filebackend.New(c)
		require.ErrorContains(t, err, problem)
	}
}
