package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

var update = flag.Bool("update", false, "write the output of the commands into the pages of docs")

// asCommand is the environment variable that makes the test binary run the command.
const asCommand = "SIGNALCAST_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(run(context.Background(), os.Args[1:]))
	}
	os.Exit(m.Run())
}

// The test runs each command of a page in a shell, in a directory with the files of the page.
func TestPagesShowTheOutputOfTheirCommands(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"cli", "from-python"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			server := miniredis.RunT(t)
			server.SetTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS(filepath.Join("testdata", page))))
			if page == "cli" {
				createOutbox(t, filepath.Join(dir, "app.db"))
			}
			shell := newShell(t, dir, server.Addr())
			name := filepath.Join("..", "..", "docs", page+".md")
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			got := regexp.MustCompile("(?ms)^```console\n(.*?)^```$").ReplaceAllStringFunc(string(text), func(block string) string {
				var b strings.Builder
				b.WriteString("```console\n")
				for line := range strings.SplitSeq(block, "\n") {
					if command, ok := strings.CutPrefix(line, "$ "); ok {
						fmt.Fprintf(&b, "%s\n%s", line, shell(command))
					}
				}
				got := b.String() + "```"
				if !*update {
					require.Equal(t, block, got)
				}
				return got
			})
			if *update {
				require.NoError(t, os.WriteFile(name, []byte(got), 0o600))
				return
			}
			if page == "from-python" {
				requireStreams(t, server)
			}
		})
	}
}

// createOutbox creates a database with three rows, the first of which is parked.
func createOutbox(t *testing.T, file string) {
	t.Helper()
	type order struct {
		Number string `avro:"number"`
	}
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	store, err := sqlite.New(sqlite.Config{DB: db})
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	placed, registry := signalcast.NewSignal[order]("org.example.order.placed.v1"), signalcast.NewRegistry()
	require.NoError(t, registry.Register(placed))
	d, err := signalcast.NewDispatcher(t.Context(), registry, signalcast.ProducerConfig{
		placed.EventType(): {"orders": {EventKeyField: new("number"), Enabled: new(true)}},
	}, memory.New(), signalcast.WithOutbox(store), signalcast.WithDefaultMode(signalcast.ModeOutbox))
	require.NoError(t, err)
	for _, number := range []string{"A-1", "A-2", "A-3"} {
		require.NoError(t, placed.Send(t.Context(), registry, order{number}))
	}
	require.NoError(t, d.Close(t.Context()))
	_, err = db.ExecContext(t.Context(), "UPDATE signalcast_outbox SET stored_at = 1767323045000000")
	require.NoError(t, err)
	lease, err := store.Acquire(t.Context(), "test", time.Hour)
	require.NoError(t, err)
	parked := outbox.Attempt{Sequence: 1, Attempts: 8, Err: "message size exceeds the limit of the topic", Park: true}
	require.NoError(t, store.Record(t.Context(), lease, []outbox.Attempt{parked}))
	require.NoError(t, store.Release(t.Context(), lease))
}

// newShell returns a function that runs a line in the directory and returns its output. The command is in the
// path.
func newShell(t *testing.T, dir, redis string) func(line string) string {
	t.Helper()
	bin := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	script := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", asCommand, self)
	require.NoError(t, os.WriteFile(filepath.Join(bin, "signalcast"), []byte(script), 0o700))
	const documented = "127.0.0.1:6379"
	return func(line string) string {
		command := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, documented, redis))
		command.Dir = dir
		command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "EVENT_BUS_TOPIC_PREFIX=", "GORACE=atexit_sleep_ms=0")
		out, err := command.CombinedOutput()
		if exit := (&exec.ExitError{}); err != nil {
			require.ErrorAs(t, err, &exit)
		}
		return strings.ReplaceAll(string(out), redis, documented)
	}
}

// requireStreams checks that the commands of the page wrote one event to each of two streams.
func requireStreams(t *testing.T, server *miniredis.Miniredis) {
	t.Helper()
	require.Equal(t, []string{"dev-audit", "dev-course-enrollments"}, server.Keys())
	for _, stream := range server.Keys() {
		entries, err := server.Stream(stream)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, []string{"type", "org.openedx.learning.course.enrollment.created.v1"}, entries[0].Values[:2])
	}
}

func TestWrongKeysAreThoseOfTheGoldenCatalogue(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../testdata/golden/catalog.json")
	require.NoError(t, err)
	var catalog struct {
		Signals []struct {
			EventType     string `json:"event_type"`
			EventKeyField string `json:"event_key_field"`
			Serialisable  bool   `json:"serialisable"`
		} `json:"signals"`
	}
	require.NoError(t, json.Unmarshal(text, &catalog))
	registry, err := newRegistry()
	require.NoError(t, err)
	want := map[string]string{}
	for _, s := range catalog.Signals {
		works := strings.Join(append(registry.KeyPaths(s.EventType), ""), "\n")
		if s.Serialisable && s.EventKeyField != "" && !strings.Contains(works, s.EventKeyField+"\n") {
			want[s.EventType] = s.EventKeyField
		}
	}
	require.Equal(t, want, wrongKeys())
	require.Len(t, registry.Definitions(), len(openedx.Signals()))
}
