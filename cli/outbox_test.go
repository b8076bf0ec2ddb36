package cli_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/cli"
	"github.com/signalcast/signalcast/outbox"
	"github.com/signalcast/signalcast/outbox/sqlite"
)

// registration is the data of the event that the tests store.
type registration struct {
	User string `avro:"user"`
}

// storeEvents stores n events and returns the URL of the outbox.
func storeEvents(t *testing.T, n int) (address string, store *sqlite.Store) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "app.db")
	db, err := sql.Open("sqlite", file)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	store, err = sqlite.New(sqlite.Config{DB: db})
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	signal, registry := signalcast.NewSignal[registration]("org.example.user.registered.v1"), signalcast.NewRegistry()
	require.NoError(t, registry.Register(signal))
	d, err := signalcast.NewDispatcher(t.Context(), registry, signalcast.ProducerConfig{
		signal.EventType(): {"users": {EventKeyField: new("user"), Enabled: new(true)}},
	}, memory.New(), signalcast.WithOutbox(store), signalcast.WithDefaultMode(signalcast.ModeOutbox))
	require.NoError(t, err)
	for range n {
		require.NoError(t, signal.Send(t.Context(), registry, registration{"anna"}))
	}
	require.NoError(t, d.Close(t.Context()))
	return "sqlite:" + file, store
}

// park parks the rows with the given sequences.
func park(t *testing.T, store *sqlite.Store, sequences ...int64) {
	t.Helper()
	lease, err := store.Acquire(t.Context(), "test", time.Minute)
	require.NoError(t, err)
	for _, n := range sequences {
		require.NoError(t, store.Record(t.Context(), lease, []outbox.Attempt{{Sequence: n, Attempts: 8, Err: "topic is full", Park: true}}))
	}
	require.NoError(t, store.Release(t.Context(), lease))
}

func TestRelayPublishesTheOutbox(t *testing.T) {
	t.Parallel()
	address, _ := storeEvents(t, 3)
	server := miniredis.RunT(t)
	c := newProgram(t)
	require.Equal(t, "pending  3\nfailing  0\nparked   0\n", firstLines(c.fine(t, "outbox", "status", "--outbox", address), 3))
	r := c.run("relay", "--outbox", address, "--to", "redis://"+server.Addr(), "--until-empty")
	require.Equal(t, cli.ExitFine, r.code, r.errors)
	require.Contains(t, r.errors, `msg="relay has the lease"`)
	require.Contains(t, r.errors, `msg="relay released the lease"`)
	entries, err := server.Stream("users")
	require.NoError(t, err)
	require.Len(t, entries, 3)
	require.Equal(t, "pending  0\nfailing  0\nparked   0\noldest   none\nrelay    none\n", c.fine(t, "outbox", "status", "--outbox", address))
}

func TestParkedRowsAreListedRetriedAndDropped(t *testing.T) {
	t.Parallel()
	address, store := storeEvents(t, 3)
	park(t, store, 1, 2)
	c := newProgram(t)
	r := c.run("outbox", "status", "--outbox", address)
	require.Equal(t, cli.ExitProblems, r.code, "a row is parked")
	require.Contains(t, r.out, "parked   2\n")

	list := c.fine(t, "outbox", "list", "--outbox", address)
	require.Contains(t, list, "topic is full")
	require.NotContains(t, list, "anna")
	require.Contains(t, c.fine(t, "outbox", "list", "--outbox", address, "--data"), `{"user":"anna"}`)
	var rows []map[string]any
	require.NoError(t, json.Unmarshal([]byte(c.fine(t, "outbox", "list", "--outbox", address, "--format", "json", "--sequence", "2")), &rows))
	require.Len(t, rows, 1)
	require.InEpsilon(t, 2, rows[0]["sequence"], 0)
	require.NotContains(t, rows[0], "value")

	require.Equal(t, "1 row dropped\n", c.fine(t, "outbox", "drop", "--outbox", address, "--sequence", "1"))
	require.Equal(t, "1 row retried\n", c.fine(t, "outbox", "retry", "--outbox", address, "--topic", "users"))
	require.Equal(t, "no rows\n", c.fine(t, "outbox", "list", "--outbox", address))
	rest, err := store.List(context.Background(), outbox.Filter{Pending: true})
	require.NoError(t, err)
	require.Equal(t, []int64{3, 4}, []int64{rest[0].Sequence, rest[1].Sequence})
}

func TestOutboxMigratePrintsOrRunsTheSQL(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	address := "sqlite:" + filepath.Join(t.TempDir(), "app.db")
	r := c.run("outbox", "status", "--outbox", address)
	require.Equal(t, cli.ExitProblems, r.code)
	require.Contains(t, r.errors, "signalcast outbox migrate")
	require.Contains(t, strings.ToLower(c.fine(t, "outbox", "migrate", "--print", "--outbox", address)), "create table")
	for range 2 {
		require.Equal(t, "the tables have the present version\n", c.fine(t, "outbox", "migrate", "--outbox", address))
	}
	require.Contains(t, c.fine(t, "outbox", "status", "--outbox", address), "pending  0\n")
}

func TestOutboxCommandsRejectMistakes(t *testing.T) {
	t.Parallel()
	c := newProgram(t)
	for _, tc := range []struct {
		want string
		args []string
	}{
		{"--outbox: found an unknown scheme; want one of", []string{"outbox", "status", "--outbox", "mysql://hunter2@host/db"}},
		{"--outbox: found a malformed URL; want one of", []string{"outbox", "status", "--outbox", "postgres://user:hunter2@host:port/db"}},
		{"--outbox: found no file; want one of", []string{"outbox", "status", "--outbox", "sqlite:"}},
		{"found no selection; want --sequence, --topic, --event-type or --all", []string{"outbox", "drop", "--outbox", "sqlite:" + filepath.Join(t.TempDir(), "a.db")}},
		{`--table: found "a-b"; want`, []string{"outbox", "list", "--outbox", "sqlite:" + filepath.Join(t.TempDir(), "a.db"), "--table", "a-b"}},
		{`--sequence: found "one"; want a number that outbox list shows`, []string{"outbox", "list", "--outbox", "sqlite:" + filepath.Join(t.TempDir(), "a.db"), "--sequence", "one"}},
		{"--to: found an unknown scheme; want one of", []string{"relay", "--outbox", "sqlite:a.db", "--to", "amqp://hunter2@host"}},
	} {
		r := c.run(tc.args...)
		require.Equal(t, cli.ExitUsage, r.code, tc.want)
		require.Contains(t, r.errors, tc.want)
		require.NotContains(t, r.errors, "hunter2")
	}
}

func firstLines(text string, n int) string {
	return strings.Join(strings.SplitAfter(text, "\n")[:n], "")
}
