// Bench compares signalcast with other libraries and with code written by hand. In
// each contest several contenders do the same work, one after the other. Bench
// starts the servers, checks that each event is stored once, and prints the
// figures beside the goals.
//
// Run it with make bench, or with make bench-quick for shorter rounds. make
// bench-guard checks the number of instructions of the contests without a server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	quick := flag.Bool("quick", false, "send a fifth of the events in each round")
	rounds := flag.Int("rounds", 21, "the `number` of rounds")
	only := flag.String("only", "", "run only contests whose names contain this `text`")
	write := flag.Bool("write", false, "write docs/benchmarks.md, its chart and docs/profiles.md")
	root := flag.String("root", "..", "the `folder` of the repository")
	guard := flag.Bool("guard", false, "only check the number of instructions, with valgrind")
	task := flag.String("work", "", "only do the work of `contest/contender`, -events times")
	events := flag.Int("events", 1, "the `number` of times for -work")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	switch contest, contender, _ := strings.Cut(*task, "/"); {
	case *guard:
		err = checkInstructions(ctx)
	case *task != "":
		err = work(ctx, contest, contender, *events)
	default:
		err = run(ctx, *root, settings{*rounds, *only, *quick}, *write)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type settings struct {
	rounds int
	only   string
	quick  bool
}

func run(ctx context.Context, root string, s settings, write bool) (err error) {
	if root, err = filepath.Abs(root); err != nil {
		return err
	}
	r := &report{rounds: s.rounds, results: map[string][]result{}, profiles: map[string][]result{}}
	r.facts = describe(ctx, root, s.rounds)
	f := &runner{settings: s, report: r, servers: servers{root: root}}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.runAll(ctx); err != nil {
		return err
	}
	fmt.Print("\n", r.tables())
	fmt.Print("\n", r.profileTables())
	if write {
		return r.write(root)
	}
	return nil
}

// runner runs contests and collects their results.
type runner struct {
	settings

	report  *report
	servers servers
	python  *python
	closers []func(context.Context) error
}

func (f *runner) close() error {
	var errs []error
	for _, c := range f.closers {
		errs = append(errs, c(context.Background()))
	}
	if f.python != nil {
		errs = append(errs, f.python.close())
	}
	f.servers.stop()
	return errors.Join(errs...)
}

// runContest runs a contest and adds its results to the report.
func (f *runner) runContest(ctx context.Context, c contest) error {
	if !strings.Contains(c.name, f.only) {
		return nil
	}
	if f.quick {
		for i := range c.contenders {
			c.contenders[i].events = max(1, c.contenders[i].events/5)
		}
	}
	fmt.Fprintln(os.Stderr, c.name)
	results, profiles, err := c.runAll(ctx, f.rounds)
	c.contenders = nil // free their memory, which later heaps would include
	f.report.contests = append(f.report.contests, c)
	f.report.results[c.name], f.report.profiles[c.name] = results, profiles
	return err
}

// wants reports whether one of the contests runs.
func (f *runner) wants(contests ...string) bool {
	return slices.ContainsFunc(contests, func(name string) bool { return strings.Contains(name, f.only) })
}

// runAll starts the servers of the contests that run, and runs them.
func (f *runner) runAll(ctx context.Context) error {
	python := f.wants(wholeContest, configContest, redisAsync, kafkaAsync1, consumeRedis, consumeKafka)
	redis := f.wants(redisAsync, redisSync, loadContest, consumeRedis)
	kafka := f.wants(kafkaAsync1, kafkaAsync6, kafkaSync64, kafkaSync1, consumeKafka)
	outbox := f.wants(outboxTx1, outboxTx8, outboxRedis, outboxKafka, outboxDiscard, outboxHindered, outboxLatency)
	env := map[string]string{}
	for _, s := range []struct {
		name   string
		needed bool
		args   []string
	}{
		{"redis", python || redis || f.wants(outboxRedis, outboxLatency), nil},
		{"kafka", python || kafka || f.wants(outboxKafka), nil},
		{"registry", python || kafka || f.wants(outboxKafka), nil},
		{"postgres", outbox, postgresSettings()},
	} {
		if !s.needed {
			continue
		}
		variables, err := f.servers.start(ctx, s.name, s.args...)
		if err != nil {
			return err
		}
		maps.Copy(env, variables)
	}
	var err error
	if serverProcesses, err = f.servers.processes(ctx); err != nil {
		return err
	}
	broker, registry := env["KAFKA_BROKERS"], env["REGISTRY_URL"]
	if python {
		if f.python, err = startPython(ctx, f.servers.root, env["REDIS_URL"], broker, registry); err != nil {
			return err
		}
	}
	if err := f.inProcess(ctx); err != nil {
		return err
	}
	if redis {
		if err := f.onRedis(ctx, env["REDIS_ADDR"]); err != nil {
			return err
		}
	}
	if kafka {
		if err := f.onKafka(ctx, broker, registry); err != nil {
			return err
		}
	}
	if outbox {
		return f.onPostgres(ctx, env["POSTGRES"], env["REDIS_ADDR"], broker, registry)
	}
	return nil
}

func (f *runner) inProcess(ctx context.Context) error {
	for _, open := range inProcess() {
		c, err := open()
		if err != nil {
			return err
		}
		if !f.wants(c.name) {
			continue
		}
		switch c.name {
		case wholeContest:
			c.contenders = append(c.contenders,
				contender{name: reference, events: 1000, outside: f.python.encode},
				contender{name: referenceIdle, events: 5000, outside: f.python.dispatch})
		case configContest:
			c.contenders = append(c.contenders, contender{name: reference, events: 5, outside: f.python.config})
		}
		if err := f.runContest(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (f *runner) onRedis(ctx context.Context, addr string) error {
	c, err := newRedisContests(ctx, addr)
	if err != nil {
		return err
	}
	f.closers = append(f.closers, c.close)
	version, err := c.version(ctx)
	if err != nil {
		return err
	}
	f.report.facts = append(f.report.facts, "Redis "+version+", append-only, fsync every second")
	for _, contest := range []contest{c.async(60_000, f.python), c.sync(50_000), c.bounded(50_000)} {
		if err := f.runContest(ctx, contest); err != nil {
			return err
		}
	}
	if !f.wants(consumeRedis) {
		return nil
	}
	consuming, err := c.consumeContest(ctx, 100_000)
	if err != nil {
		return err
	}
	consuming.contenders = append(consuming.contenders, contender{name: reference, events: 2000, outside: f.python.consumeRedis})
	return f.runContest(ctx, consuming)
}

func (f *runner) onKafka(ctx context.Context, broker, registry string) error {
	c, err := newKafkaContests(broker, registry)
	if err != nil {
		return err
	}
	f.closers = append(f.closers, c.close)
	f.report.facts = append(f.report.facts, "Apache Kafka of test/servers/kafka.sh, one broker; the reference of test/reference/requirements.txt")
	for i, plan := range []struct {
		name, about string
		partitions  int32
		callers     int
		events      int
	}{
		{kafkaAsync1, "One goroutine sends to a topic with one partition and waits at the end. So does the Python reference.", 1, 0, 150_000},
		{kafkaAsync6, "One goroutine sends to a topic with six partitions and waits at the end.", 6, 0, 150_000},
		{kafkaSync64, "64 goroutines send to a topic with one partition. Each waits for every event.", 1, 64, 25_000},
		{kafkaSync1, "One goroutine sends to a topic with one partition and waits for every event.", 1, 1, 3000},
	} {
		if !strings.Contains(plan.name, f.only) {
			continue
		}
		contest, err := c.contest(ctx, fmt.Sprint(i), plan.partitions, plan.callers, plan.events)
		if err != nil {
			return err
		}
		contest.name, contest.about = plan.name, plan.about
		if plan.name == kafkaAsync1 {
			k, err := c.newContender(ctx, reference, pythonTopic, 1, 2000, nil)
			if err != nil {
				return err
			}
			k.outside = f.python.kafka
			contest.contenders = append(contest.contenders, k)
		}
		if err := f.runContest(ctx, contest); err != nil {
			return err
		}
	}
	if !f.wants(consumeKafka) {
		return nil
	}
	consuming, err := c.consumeContest(ctx, 300_000)
	if err != nil {
		return err
	}
	consuming.contenders = append(consuming.contenders, contender{name: reference, events: 2000, outside: f.python.consumeKafka})
	return f.runContest(ctx, consuming)
}

// postgresSettings returns the options of the server. Checkpoints are made between the rounds.
func postgresSettings() []string {
	var args []string
	for _, line := range []string{"shared_buffers = '512MB'", "max_wal_size = '8GB'", "checkpoint_timeout = '1h'"} {
		args = append(args, "--set", line)
	}
	return args
}

func (f *runner) onPostgres(ctx context.Context, url, redis, broker, registry string) error {
	c, err := newOutboxContests(ctx, url)
	if err != nil {
		return err
	}
	f.closers = append(f.closers, c.close)
	version, err := c.version(ctx)
	if err != nil {
		return err
	}
	f.report.facts = append(f.report.facts, "PostgreSQL "+version+", fsync, 512 MB of shared buffers, a checkpoint before each round")
	pending := 2_000_000
	if f.quick {
		pending = 200_000
	}
	for _, plan := range []struct {
		name string
		open func() (contest, error)
	}{
		{outboxTx1, func() (contest, error) { return c.transactions(ctx, outboxTx1, 1, 3000) }},
		{outboxTx8, func() (contest, error) { return c.transactions(ctx, outboxTx8, 8, 10_000) }},
		{outboxRedis, func() (contest, error) { return c.toRedis(ctx, redis, 150_000) }},
		{outboxKafka, func() (contest, error) { return c.toKafka(ctx, broker, registry, 150_000) }},
		{outboxDiscard, func() (contest, error) { return c.discarded(ctx, 240_000) }},
		{outboxHindered, func() (contest, error) { return c.hindered(ctx, 150_000, pending) }},
		{outboxLatency, func() (contest, error) { return c.latency(ctx, redis, 200) }},
	} {
		if !f.wants(plan.name) {
			continue
		}
		contest, err := plan.open()
		if err != nil {
			return fmt.Errorf("%s: %w", plan.name, err)
		}
		if err := f.runContest(ctx, contest); err != nil {
			return err
		}
	}
	return nil
}
