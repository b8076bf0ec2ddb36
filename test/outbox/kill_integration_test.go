//go:build integration

package outbox_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
)

var (
	attacks = flag.Int("attacks", 2, "the number of attacks of each kind")
	page    = flag.String("write", "", "write the results into this page")
)

//nolint:paralleltest // the databases share a broker, which is killed
func TestNothingIsLostWhateverIsKilled(t *testing.T) {
	broker := startServer(t, "redis.sh", "redis", "--fsync", "always")
	results := []outcome{}
	t.Run("PostgreSQL", func(t *testing.T) {
		postgres := startServer(t, "postgres.sh", "postgres")
		results = append(results, attack(t, "PostgreSQL", postgres.env(t, "POSTGRES"), broker, map[string]func() error{
			"database killed": func() error { return postgres.kill(100 * time.Millisecond) },
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
func attack(t *testing.T, name, address string, broker *server, more map[string]func() error) outcome {
	ctx := t.Context()
	redisURL := broker.env(t, "REDIS_URL")
	client := goredis.NewClient(options(t, redisURL))
	defer func() { require.NoError(t, client.Close()) }()
	require.NoError(t, client.Del(ctx, stream).Err())
	db, _, err := open(ctx, address)
	require.NoError(t, err)
	defer db.close()

	var writers, relays []*process
	for range 3 {
		writers = append(writers, startProcess(t, "writer", address, redisURL))
	}
	for range 2 {
		relays = append(relays, startProcess(t, "relay", address, redisURL))
	}
	kinds := map[string]func() error{
		"writer killed": func() error { return writers[rand.N(len(writers))].replace() },
		"relay killed":  func() error { return relays[rand.N(len(relays))].replace() },
		"relay stopped beyond its lease": func() error {
			return relays[rand.N(len(relays))].suspend(3 * time.Second)
		},
		"broker killed": func() error { return broker.kill(100 * time.Millisecond) },
	}
	maps.Copy(kinds, more)
	n := 0
	for range *attacks {
		for kind, f := range kinds { // in random order
			pause(ctx, 200*time.Millisecond+rand.N(800*time.Millisecond))
			require.NoError(t, f(), kind)
			n++
		}
	}
	for _, w := range writers {
		w.stop()
	}
	require.Eventually(t, func() bool {
		status, err := db.Status(ctx)
		return err == nil && status.Pending == 0
	}, time.Minute, 100*time.Millisecond, "rows stay in the outbox")
	for _, r := range relays {
		r.stop()
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

// process is a writer or a relay.
type process struct {
	t       *testing.T
	env     []string
	command *exec.Cmd
}

func startProcess(t *testing.T, role, address, redisURL string) *process {
	p := &process{t: t, env: append(os.Environ(), roleVariable+"="+role, databaseVariable+"="+address, redisVariable+"="+redisURL)}
	require.NoError(t, p.start())
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		_ = p.command.Wait()
	})
	return p
}

func (p *process) start() error {
	p.command = exec.CommandContext(context.WithoutCancel(p.t.Context()), os.Args[0])
	p.command.Env, p.command.Stderr = p.env, os.Stderr
	return p.command.Start()
}

// replace kills the process and starts another.
func (p *process) replace() error {
	if err := p.command.Process.Kill(); err != nil {
		return err
	}
	_ = p.command.Wait()
	return p.start()
}

// suspend stops the process for a time.
func (p *process) suspend(wait time.Duration) error {
	if err := p.command.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	pause(p.t.Context(), wait)
	return p.command.Process.Signal(syscall.SIGCONT)
}

// stop ends the process with SIGTERM.
func (p *process) stop() {
	require.NoError(p.t, p.command.Process.Signal(syscall.SIGTERM))
	err := p.command.Wait()
	if status, ok := p.command.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signal() == syscall.SIGTERM {
		return // it had just been started, and did not catch the signal yet
	}
	require.NoError(p.t, err)
}

// server is a real server, controlled by a script of test/servers.
type server struct{ script, dir string }

func startServer(t *testing.T, script, name string, args ...string) *server {
	s := &server{filepath.Join("..", "servers", script), filepath.Join("..", "..", ".run", "outbox", name)}
	_, err := s.run("stop") // an interrupted run may have left it running
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = s.run("stop") })
	_, err = s.run(append([]string{"start", "--clean"}, args...)...)
	require.NoError(t, err)
	return s
}

func (s *server) run(args ...string) (string, error) {
	command := exec.CommandContext(context.Background(), "bash", append([]string{s.script, "--dir", s.dir}, args...)...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	return string(out), err
}

func (s *server) env(t *testing.T, name string) string {
	out, err := s.run("env")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindStringSubmatch(out)
	require.NotNil(t, found, out)
	return found[1]
}

// kill kills the server with SIGKILL and starts it again.
func (s *server) kill(down time.Duration) error {
	if _, err := s.run("kill9"); err != nil {
		return err
	}
	pause(context.Background(), down)
	_, err := s.run("restart")
	return err
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
