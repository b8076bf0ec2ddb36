//go:build integration

package soak_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast/test/faults"
	"github.com/signalcast/signalcast/test/ports"
	"github.com/signalcast/signalcast/test/programs"
	"github.com/signalcast/signalcast/test/soak"
)

var (
	duration = flag.Duration("for", 15*time.Second, "how long faults occur")
	page     = flag.String("write", "", "write the result into this page, and the graph beside it")
	note     = flag.String("note", "", "what else a reader of the page should know about the run")
)

// recovery is the longest time from the end of a fault until new events must be handled.
const recovery = 2 * time.Minute

//nolint:paralleltest // it uses the whole machine
func TestSoak(t *testing.T) {
	s := start(t)
	defer s.report() // also if the run fails
	s.awaitNewEvents(time.Now(), "the start")
	s.attack()
	s.end()
}

// run is a run of the soak test. Service a is the steady one, and service b the killed one.
type run struct {
	t            *testing.T
	began        time.Time
	commit       string
	folder       string
	ledger       *soak.Ledger
	steady       *programs.Program // is never killed
	killed       *programs.Program
	pool         *pgxpool.Pool
	faults       []*injection
	marks        []soak.Mark
	closeJournal func() error
	mu           sync.Mutex
	samples      []soak.Sample
	counters     map[string]counters  // of the running process of each service
	ended        counters             // of processes that have ended
	seen         map[string]time.Time // when the last sample of each service came
}

// counters count what a process did.
type counters struct{ reloads, switches int64 }

func (c *counters) add(more counters) {
	c.reloads += more.reloads
	c.switches += more.switches
}

func start(t *testing.T) *run {
	name := "soak"
	if *page == "" { // so that it does not disturb a run that writes the page
		name = "soak-short"
	}
	s := &run{
		t: t, ledger: soak.NewLedger(), folder: filepath.Join("..", "..", ".run", name),
		counters: map[string]counters{}, seen: map[string]time.Time{},
	}
	s.commit = commit(t)
	require.NoError(t, os.MkdirAll(s.folder, 0o755))
	for _, name := range []string{"a.log", "b.log"} {
		require.NoError(t, os.RemoveAll(filepath.Join(s.folder, name)))
	}
	postgres := programs.StartServer(t, "postgres.sh", name+"/postgres")
	redis := programs.StartServer(t, "redis.sh", name+"/redis", "--fsync", "always")
	port := ports.Pair(t)
	kafkaProxy := proxy(t, fmt.Sprint("127.0.0.1:", port))
	kafka := programs.StartServer(t, "kafka.sh", name+"/kafka", "--port", strconv.Itoa(port),
		"--set", "num.partitions=3", "--set", "advertised.listeners=PLAINTEXT://"+kafkaProxy.Addr())
	registry := programs.StartServer(t, "registry.sh", name+"/registry")
	redisProxy := proxy(t, redis.Env(t, "REDIS_ADDR"))
	database := postgres.Env(t, "POSTGRES")
	pool, err := pgxpool.New(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	s.pool = pool

	env := []string{
		journalVariable + "=" + s.openJournal(), folderVariable + "=" + s.folder, databaseVariable + "=" + database,
		redisVariable + "=redis://" + redisProxy.Addr(), brokersVariable + "=" + kafkaProxy.Addr(), registryVariable + "=" + registry.Env(t, "REGISTRY_URL"),
	}
	s.began = time.Now()
	s.steady = programs.Start(t, append(env, nameVariable+"=a")...)
	s.killed = programs.Start(t, append(env, nameVariable+"=b")...)
	s.faults = append(s.serviceFaults(), s.serverFaults(postgres, redis, kafka)...)
	s.faults = append(s.faults, proxyFaults("Redis", redisProxy)...)
	s.faults = append(s.faults, proxyFaults("Kafka", kafkaProxy)...)
	return s
}

func proxy(t *testing.T, address string) *faults.Proxy {
	p, err := faults.NewProxy(address)
	require.NoError(t, err)
	t.Cleanup(p.Close)
	return p
}

func commit(t *testing.T) string {
	out, err := exec.CommandContext(t.Context(), "git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// end ends the sending, waits until every acknowledged event is handled, and ends the services.
func (s *run) end() {
	require.NoError(s.t, s.steady.Signal(syscall.SIGUSR1))
	require.NoError(s.t, s.killed.Signal(syscall.SIGUSR1))
	until := time.Now().Add(2 * time.Minute)
	for quiet := 0; quiet < 20 && time.Now().Before(until); { // for 2 s, since the last events may not be acknowledged yet
		quiet++
		if s.ledger.Check(time.Now()) > 0 {
			quiet = 0
		}
		programs.Pause(s.t.Context(), 100*time.Millisecond)
	}
	s.steady.Stop()
	s.killed.Stop()
	require.NoError(s.t, s.closeJournal())
	s.ledger.Close(time.Now())
	var effects int
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), `select count(*) from effects`).Scan(&effects))
	if handled := s.ledger.Counts().Handled; effects != handled {
		s.ledger.Report(time.Now(), fmt.Sprintf("found %d effects of %d handled events", effects, handled))
	}
}

// report keeps the result in the folder of the run, and requires that everything held.
func (s *run) report() {
	r := &soak.Result{
		Commit: s.commit, Versions: versions(s.t), Note: *note, Date: s.began.UTC(), Lasted: time.Since(s.began), Counts: s.ledger.Counts(),
		Samples: s.samples, Marks: s.marks, Problems: s.ledger.Problems(),
	}
	for _, f := range s.faults {
		r.Faults = append(r.Faults, f.result())
	}
	counted := s.ended
	for _, c := range s.counters {
		counted.add(c)
	}
	r.Reloads, r.Switches = counted.reloads, counted.switches
	text, err := json.MarshalIndent(r, "", " ")
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.folder, "result.json"), text, 0o644))
	s.t.Logf("%v, %+v, %d reloads, %d switches", r.Lasted, r.Counts, r.Reloads, r.Switches)
	s.t.Logf("%+v", r.Faults)
	s.t.Logf("%+v", r.Trends())
	if *page != "" {
		writePage(s.t, r)
	}
	require.Empty(s.t, r.Failures())
}

// writePage writes the page, and the graph beside it.
func writePage(t *testing.T, r *soak.Result) {
	graph := strings.TrimSuffix(*page, ".md") + ".svg"
	text, err := r.Page(filepath.Base(graph))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join("..", "..", *page), text, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join("..", "..", graph), soak.Chart(r.Samples, r.Marks), 0o644))
}

// versions returns the number of processors, and the versions of Go, the servers and the clients.
func versions(t *testing.T) string {
	return fmt.Sprintf("%d processors, %s", runtime.NumCPU(), programs.Versions(t, "Redis", "PostgreSQL", "Kafka", "Apicurio Registry"))
}

// TestPage writes the page of the last run again, after a change of the template.
func TestPage(t *testing.T) {
	t.Parallel()
	if *page == "" {
		t.Skip("writes the page; see the flag -write")
	}
	text, err := os.ReadFile(filepath.Join("..", "..", ".run", "soak", "result.json"))
	require.NoError(t, err)
	r := new(soak.Result)
	require.NoError(t, json.Unmarshal(text, r))
	r.Note = cmp.Or(*note, r.Note)
	if r.Versions == "" {
		r.Versions = versions(t)
	}
	writePage(t, r)
}
