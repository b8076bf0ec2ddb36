//go:build integration

package soak_test

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
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

var duration = flag.Duration("for", 15*time.Second, "how long faults occur")

// recovery is the longest time after a fault until each bus has to handle new events again.
const recovery = 2 * time.Minute

//nolint:paralleltest // it uses the whole machine
func TestSoak(t *testing.T) {
	s := start(t)
	defer s.report() // also if the run fails
	s.await(time.Now(), "the start")
	s.attack()
	s.end()
}

// run is a run of the soak.
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
	counters     map[string][]int64 // reloads and switches of the killed services so far, and of those that run
	seen         map[string]time.Time
}

// injection is a kind of fault.
type injection struct {
	name   string
	inject func() error
	// repeats reports whether the fault can make events come twice.
	repeats bool
	// service reports whether it concerns a service, not a server.
	service bool
	count   int
	sum     []func() int // the numbers of repeated events
	longest time.Duration
}

func start(t *testing.T) *run {
	s := &run{
		t: t, ledger: soak.NewLedger(), folder: filepath.Join("..", "..", ".run", "soak"),
		counters: map[string][]int64{}, seen: map[string]time.Time{},
	}
	s.commit = commit(t)
	require.NoError(t, os.MkdirAll(s.folder, 0o755))
	for _, name := range []string{"a.log", "b.log"} {
		require.NoError(t, os.RemoveAll(filepath.Join(s.folder, name)))
	}
	postgres := programs.StartServer(t, "postgres.sh", "soak/postgres")
	redis := programs.StartServer(t, "redis.sh", "soak/redis", "--fsync", "always")
	port := ports.Pair(t)
	kafkaProxy := proxy(t, fmt.Sprint("127.0.0.1:", port))
	kafka := programs.StartServer(t, "kafka.sh", "soak/kafka", "--port", strconv.Itoa(port),
		"--set", "num.partitions=3", "--set", "advertised.listeners=PLAINTEXT://"+kafkaProxy.Addr())
	registry := programs.StartServer(t, "registry.sh", "soak/registry")
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
	s.faults = append(s.ofService(), s.ofServers(postgres, redis, kafka)...)
	s.faults = append(s.faults, ofProxy("Redis", redisProxy)...)
	s.faults = append(s.faults, ofProxy("Kafka", kafkaProxy)...)
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

func (s *run) ofService() []*injection {
	return []*injection{
		{name: "a service killed with -9, and started again", inject: s.replace, repeats: true, service: true},
		{name: "a service restarted", inject: s.restart, service: true},
		{name: "a service stopped with SIGSTOP, for up to 8 s", repeats: true, service: true, inject: func() error {
			return []*programs.Program{s.steady, s.killed}[rand.N(2)].Suspend(upTo(8 * time.Second))
		}},
	}
}

// replace kills a service. The counts of the one that is killed are kept.
func (s *run) replace() error {
	err := s.killed.Replace()
	s.keepCounters()
	return err
}

func (s *run) restart() error {
	err := s.killed.Restart()
	s.keepCounters()
	return err
}

func (s *run) keepCounters() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, n := range s.counters["b"] {
		s.add("before", i, n)
	}
	delete(s.counters, "b")
}

func (s *run) add(name string, i int, n int64) {
	if s.counters[name] == nil {
		s.counters[name] = make([]int64, 2)
	}
	s.counters[name][i] += n
}

func (s *run) ofServers(postgres, redis, kafka *programs.Server) []*injection {
	return []*injection{
		{name: "PostgreSQL killed with -9, and started again", inject: func() error { return kill(postgres, upTo(time.Second)) }, repeats: true},
		{name: "Redis killed with -9, and started again", inject: func() error { return kill(redis, upTo(5*time.Second)) }, repeats: true},
		{name: "Redis stopped with SIGSTOP, for up to 8 s", inject: func() error { return redis.Suspend(upTo(8 * time.Second)) }, repeats: true},
		{name: "Kafka killed with -9, and started again", inject: func() error { return kill(kafka, upTo(5*time.Second)) }, repeats: true},
		{name: "Kafka stopped with SIGSTOP, for up to 8 s", inject: func() error { return kafka.Suspend(upTo(8 * time.Second)) }, repeats: true},
	}
}

// kill kills a server with SIGKILL and starts it again. On a machine with much other work, it may not start in time at once.
func kill(server *programs.Server, down time.Duration) (err error) {
	for range 3 {
		if err = server.Kill(down); err == nil {
			return nil
		}
	}
	return err
}

func ofProxy(server string, p *faults.Proxy) []*injection {
	during := func(f faults.Fault, atMost time.Duration) func() error {
		return func() error {
			p.Set(f)
			programs.Pause(context.Background(), upTo(atMost))
			p.Set(faults.Healthy)
			return nil
		}
	}
	return []*injection{
		{name: "all connections to " + server + " reset", inject: func() error { p.Reset(); return nil }, repeats: true},
		{name: server + " unreachable, for up to 8 s", repeats: true, inject: func() error {
			p.Cut()
			return during(faults.Away, 8*time.Second)()
		}},
		{name: "nothing passes to or from " + server + ", for up to 8 s", inject: during(faults.BlackHole, 8*time.Second), repeats: true},
		{name: "responses of " + server + " lost, for up to 4 s", inject: during(faults.LostResponses, 4*time.Second), repeats: true},
	}
}

// upTo returns a random time, a tenth of the longest at least.
func upTo(longest time.Duration) time.Duration { return longest/10 + rand.N(longest*9/10) }

// attack injects faults at random, each kind once before any is repeated. The ledger is checked meanwhile.
func (s *run) attack() {
	until := time.Now().Add(*duration)
	calm := min(10*time.Second, *duration/20) // between faults, on average
	for {
		for _, i := range rand.Perm(len(s.faults)) {
			programs.Pause(s.t.Context(), calm/2+rand.N(calm))
			if time.Now().After(until) {
				return
			}
			s.inject(s.faults[i])
			s.check()
		}
	}
}

// inject injects a fault, and waits until events are handled again. The fault counts as ended then.
func (s *run) inject(f *injection) {
	began := time.Now()
	ended, repeats := func(time.Time) {}, func() int { return 0 }
	if f.repeats {
		ended, repeats = s.ledger.Fault(began)
	}
	require.NoError(s.t, f.inject(), f.name)
	healed := time.Now()
	took := s.await(healed, f.name)
	ended(time.Now())
	f.count++
	f.longest = max(f.longest, took)
	s.marks = append(s.marks, soak.Mark{At: began.Sub(s.began), Service: f.service})
	s.t.Logf("%s %s for %v, handled new events %v later, %d events repeated so far", began.UTC().Format("15:04:05"), f.name,
		healed.Sub(began).Round(time.Millisecond), took.Round(time.Millisecond), repeats())
	f.sum = append(f.sum, repeats)
}

// await waits until each bus has handled events that were sent after since.
func (s *run) await(since time.Time, what string) time.Duration {
	var groups []string
	for _, bus := range busNames {
		groups = append(groups, bus+"/direct/", bus+"/stored/")
	}
	for !s.ledger.HandledSince(since, groups) {
		if time.Since(since) > recovery {
			s.ledger.Report(time.Now(), fmt.Sprintf("after %s: found no new event handled on each bus for %v", what, recovery))
			break
		}
		programs.Pause(s.t.Context(), 50*time.Millisecond)
	}
	return time.Since(since)
}

// check reports what must not occur, as soon as it occurs.
func (s *run) check() {
	now := time.Now()
	s.ledger.Check(now)
	s.mu.Lock()
	for _, name := range []string{"a", "b"} {
		if at := s.seen[name]; now.Sub(at) > time.Minute {
			s.ledger.Report(now, fmt.Sprintf("service %s: no sample since %v", name, at))
		}
	}
	s.mu.Unlock()
	if problems := s.ledger.Problems(); len(problems) > 0 {
		s.t.Logf("%d problems; the last one: %s", len(problems), problems[len(problems)-1])
	}
}

// openJournal reads the lines of all services in the order in which they are written. It returns the name of the pipe.
func (s *run) openJournal() string {
	pipe := filepath.Join(s.t.TempDir(), "journal")
	require.NoError(s.t, syscall.Mkfifo(pipe, 0o600))
	journal, err := os.OpenFile(pipe, os.O_RDWR, 0) // so that it does not end when a service does
	require.NoError(s.t, err)
	kept, err := os.Create(filepath.Join(s.folder, "journal.txt"))
	require.NoError(s.t, err)
	copied := bufio.NewWriterSize(kept, 1<<20)
	ended := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(journal)
		for lines.Scan() && lines.Text() != "end" {
			now := time.Now()
			_, _ = copied.WriteString(now.UTC().Format("15:04:05.000000 ") + lines.Text() + "\n") // Flush returns the error
			s.record(now, lines.Text())
		}
		ended <- lines.Err()
	}()
	s.closeJournal = func() error {
		_, err := io.WriteString(journal, "end\n")
		require.NoError(s.t, err)
		err = <-ended
		require.NoError(s.t, copied.Flush())
		require.NoError(s.t, kept.Close())
		require.NoError(s.t, journal.Close())
		return err
	}
	return pipe
}

func (s *run) record(now time.Time, line string) {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "X":
		s.ledger.Report(now, rest)
	case "M":
		s.mu.Lock()
		defer s.mu.Unlock()
		name, numbers, _ := strings.Cut(rest, " ")
		s.seen[name] = now
		sample, err := soak.ParseSample(numbers)
		if err != nil {
			s.ledger.Report(now, fmt.Sprintf("%q: %v", line, err))
		}
		var reloads, switches int64
		if _, err := fmt.Sscan(numbers, new(int64), new(int64), new(int64), new(int64), &reloads, &switches); err != nil {
			s.ledger.Report(now, fmt.Sprintf("%q: %v", line, err))
		}
		s.counters[name] = []int64{reloads, switches}
		if name == "a" {
			sample.At, sample.Handled = now.Sub(s.began), int64(s.ledger.Counts().Handled)
			s.samples = append(s.samples, sample)
		}
	default:
		s.ledger.Record(now, line)
	}
}

// end ends the sending, waits until everything is handled, and ends the services.
func (s *run) end() {
	require.NoError(s.t, s.steady.Signal(syscall.SIGUSR1))
	require.NoError(s.t, s.killed.Signal(syscall.SIGUSR1))
	until := time.Now().Add(2 * time.Minute)
	for quiet := 0; quiet < 20 && time.Now().Before(until); { // a last event may be acknowledged soon
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

// result is what a run found, in .run/soak/result.json.
type result struct {
	Commit   string
	Date     time.Time
	Lasted   time.Duration
	Counts   soak.Counts
	Faults   []faultResult
	Reloads  int64
	Switches int64
	Samples  []soak.Sample
	Marks    []soak.Mark
	Problems []string
}

type faultResult struct {
	Name           string
	Count, Repeats int
	Longest        time.Duration
}

func (s *run) report() {
	r := result{
		Commit: s.commit, Date: s.began.UTC(), Lasted: time.Since(s.began), Counts: s.ledger.Counts(), Samples: s.samples, Marks: s.marks, Problems: s.ledger.Problems(),
	}
	for _, f := range s.faults {
		repeats := 0
		for _, n := range f.sum {
			repeats += n()
		}
		r.Faults = append(r.Faults, faultResult{f.name, f.count, repeats, f.longest})
	}
	for _, counts := range s.counters {
		r.Reloads += counts[0]
		r.Switches += counts[1]
	}
	text, err := json.MarshalIndent(r, "", " ")
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.folder, "result.json"), text, 0o644))
	s.t.Logf("%+v", r.Counts)
	s.t.Logf("%d reloads, %d switches, %v", r.Reloads, r.Switches, r.Lasted)
	for _, f := range r.Faults {
		s.t.Logf("%+v", f)
	}
	if r.Lasted > 10*time.Minute {
		for _, trend := range soak.Trends(r.Samples) {
			s.t.Logf("%+v", trend)
			if !trend.Flat() {
				s.t.Errorf("%s: found %d in the last quarter, %d in the second; want at most %d", trend.Name, trend.Last, trend.Second, trend.Limit)
			}
		}
	}
	require.Empty(s.t, r.Problems)
}
