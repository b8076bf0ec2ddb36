//go:build integration

package outbox_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/test/programs"
)

var (
	attacks = flag.Int("attacks", 2, "the number of attacks of each kind")
	page    = flag.String("write", "", "write the results into this page")
)

//nolint:paralleltest // the databases share a broker, which is killed
func TestNothingIsLostWhateverIsKilled(t *testing.T) {
	broker := programs.StartServer(t, "redis.sh", "outbox/redis", "--fsync", "always")
	results := []outcome{}
	t.Run("PostgreSQL", func(t *testing.T) {
		postgres := programs.StartServer(t, "postgres.sh", "outbox/postgres")
		results = append(results, attack(t, "PostgreSQL", postgres.Env(t, "POSTGRES"), broker, map[string]func() error{
			"database killed": func() error { return postgres.Kill(100 * time.Millisecond) },
		}))
	})
	t.Run("SQLite", func(t *testing.T) {
		results = append(results, attack(t, "SQLite", "sqlite:"+filepath.Join(t.TempDir(), "app.db"), broker, nil))
	})
	for _, r := range results {
		t.Logf("%+v", r)
	}
	if *page != "" && !t.Failed() {
		writeResults(t, *page, results)
	}
}

// outcome is the result of the attacks on one kind of database.
type outcome struct {
	database                                             string
	attacks                                              int
	committed, published, again, lost, phantom, disorder int
}

// attack runs writers and relays, and attacks them, the broker, and what else is given.
func attack(t *testing.T, name, address string, broker *programs.Server, more map[string]func() error) outcome {
	ctx := t.Context()
	redisURL := broker.Env(t, "REDIS_URL")
	client := goredis.NewClient(options(t, redisURL))
	defer func() { require.NoError(t, client.Close()) }()
	require.NoError(t, client.Del(ctx, stream).Err())
	db, _, err := open(ctx, address)
	require.NoError(t, err)
	defer db.close()

	var writers, relays []*programs.Program
	for range 3 {
		writers = append(writers, startProgram(t, "writer", address, redisURL))
	}
	for range 2 {
		relays = append(relays, startProgram(t, "relay", address, redisURL))
	}
	kinds := map[string]func() error{
		"writer killed": func() error { return writers[rand.N(len(writers))].Replace() },
		"relay killed":  func() error { return relays[rand.N(len(relays))].Replace() },
		"relay stopped beyond its lease": func() error {
			return relays[rand.N(len(relays))].Suspend(3 * time.Second)
		},
		"broker killed": func() error { return broker.Kill(100 * time.Millisecond) },
	}
	maps.Copy(kinds, more)
	n := 0
	for range *attacks {
		for kind, f := range kinds { // in random order
			programs.Pause(ctx, 200*time.Millisecond+rand.N(800*time.Millisecond))
			require.NoError(t, f(), kind)
			n++
		}
	}
	for _, w := range writers {
		w.Stop()
	}
	require.Eventually(t, func() bool {
		status, err := db.Status(ctx)
		return err == nil && status.Pending == 0
	}, time.Minute, 100*time.Millisecond, "rows stay in the outbox")
	for _, r := range relays {
		r.Stop()
	}
	status, err := db.Status(ctx)
	require.NoError(t, err)
	require.Zero(t, status.Parked)
	result := compare(t, db, client)
	result.database, result.attacks = name, n
	require.Zero(t, result.lost, "committed and not published")
	require.Zero(t, result.phantom, "published and not committed")
	require.Zero(t, result.disorder, "first published out of order")
	require.Greater(t, result.committed, 100)
	return result
}

// compare compares the changes in the database with the events in the stream.
func compare(t *testing.T, db *database, client *goredis.Client) (r outcome) {
	changes, err := db.changes(t.Context())
	require.NoError(t, err)
	committed := map[string]changed{}
	for _, c := range changes {
		committed[c.ID] = c
	}
	seen, last := map[string]bool{}, map[int64]int64{}
	for _, e := range published(t, client) {
		r.published++
		switch was, ok := committed[e.ID]; {
		case !ok:
			r.phantom++
		case seen[e.ID]:
			r.again++
		default:
			require.Equal(t, was, e)
			seen[e.ID] = true
			if e.N != last[e.Key]+1 {
				r.disorder++
			}
			last[e.Key] = e.N
		}
	}
	r.committed, r.lost = len(committed), len(committed)-len(seen)
	return r
}

// published returns the events of the stream.
func published(t *testing.T, client *goredis.Client) (all []changed) {
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(counterChanged))
	_, err := counterChanged.Connect(registry, func(_ context.Context, e signalcast.Event[changed]) error {
		all = append(all, e.Data)
		return nil
	})
	require.NoError(t, err)
	for start := "-"; ; {
		entries, err := client.XRangeN(t.Context(), stream, start, "+", 10_000).Result()
		require.NoError(t, err)
		if len(entries) == 0 {
			return all
		}
		for _, entry := range entries {
			received, err := registry.Decode(signalcast.Metadata{EventType: counterChanged.EventType()}, nil, []byte(entry.Values["event_data"].(string)))
			require.NoError(t, err)
			require.NoError(t, received.Deliver(t.Context()))
			start = "(" + entry.ID
		}
	}
}

func options(t *testing.T, url string) *goredis.Options {
	o, err := goredis.ParseURL(url)
	require.NoError(t, err)
	return o
}

func sqliteFile(address string) (string, bool) { return strings.CutPrefix(address, "sqlite:") }

func startProgram(t *testing.T, role, address, redisURL string) *programs.Program {
	return programs.Start(t, roleVariable+"="+role, databaseVariable+"="+address, redisVariable+"="+redisURL)
}

// writeResults replaces the table of results in a page.
func writeResults(t *testing.T, page string, results []outcome) {
	path := filepath.Join("..", "..", page)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	const head = "| database | attacks | committed | published | duplicates | lost | never committed | out of order |\n|---|--:|--:|--:|--:|--:|--:|--:|\n"
	before, after, found := strings.Cut(string(text), head)
	require.True(t, found)
	for strings.HasPrefix(after, "|") {
		_, after, _ = strings.Cut(after, "\n")
	}
	var table strings.Builder
	for _, r := range results {
		fmt.Fprintf(&table, "| %s | %d | %d | %d | %d | %d | %d | %d |\n",
			r.database, r.attacks, r.committed, r.published, r.again, r.lost, r.phantom, r.disorder)
	}
	require.NoError(t, os.WriteFile(path, []byte(before+head+table.String()+after), 0o600))
}
