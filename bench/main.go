// Bench compares signalcast with its peers and with code by hand. It starts the
// servers that it needs, lets all contenders do the same work in turns, checks
// that each event was stored once, and prints how the figures stand to the goals.
//
// Run it with make bench, or make bench-quick for shorter rounds. make bench-guard
// checks how many instructions the contests without servers take.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	quick := flag.Bool("quick", false, "a fifth of the events in each round")
	rounds := flag.Int("rounds", 21, "how often each contender does its work")
	only := flag.String("only", "", "contests with this in their names")
	write := flag.Bool("write", false, "write docs/benchmarks.md and its chart")
	root := flag.String("root", "..", "the repository")
	guard := flag.Bool("guard", false, "count instructions with valgrind and check them, and nothing else")
	task := flag.String("work", "", "do the work of contest/contender, -events times, and nothing else")
	events := flag.Int("events", 1, "see -work")
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
	r := &report{rounds: s.rounds, results: map[string][]result{}}
	r.facts = describe(ctx, root, s.rounds)
	f := &field{settings: s, report: r, servers: servers{root: root}}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.play(ctx); err != nil {
		return err
	}
	fmt.Print("\n", r.tables())
	if write {
		return r.write(root)
	}
	return nil
}

// field is where contests are held.
type field struct {
	settings

	report  *report
	servers servers
	python  *python
	closers []func(context.Context) error
}

func (f *field) close() error {
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

// hold holds a contest and keeps the results.
func (f *field) hold(ctx context.Context, c contest) error {
	if !strings.Contains(c.name, f.only) {
		return nil
	}
	if f.quick {
		for i := range c.contenders {
			c.contenders[i].events = max(1, c.contenders[i].events/5)
		}
	}
	fmt.Fprintln(os.Stderr, c.name)
	results, err := c.hold(ctx, f.rounds)
	c.contenders = nil // what they keep would be part of later heaps
	f.report.contests = append(f.report.contests, c)
	f.report.results[c.name] = results
	return err
}

func (f *field) play(ctx context.Context) error {
	redisEnv, err := f.servers.start(ctx, "redis")
	if err != nil {
		return err
	}
	kafkaEnv, err := f.servers.start(ctx, "kafka")
	if err != nil {
		return err
	}
	registryEnv, err := f.servers.start(ctx, "registry")
	if err != nil {
		return err
	}
	broker, registry := kafkaEnv["KAFKA_BROKERS"], registryEnv["REGISTRY_URL"]
	if f.python, err = startPython(ctx, f.servers.root, redisEnv["REDIS_URL"], broker, registry); err != nil {
		return err
	}
	if err := f.inProcess(ctx); err != nil {
		return err
	}
	if err := f.onRedis(ctx, redisEnv["REDIS_ADDR"]); err != nil {
		return err
	}
	return f.onKafka(ctx, broker, registry)
}

func (f *field) inProcess(ctx context.Context) error {
	for _, open := range inProcess() {
		c, err := open()
		if err != nil {
			return err
		}
		switch c.name {
		case wholeContest:
			c.contenders = append(c.contenders,
				contender{name: reference, events: 1000, outside: f.python.encode},
				contender{name: referenceIdle, events: 5000, outside: f.python.dispatch})
		case configContest:
			c.contenders = append(c.contenders, contender{name: reference, events: 5, outside: f.python.config})
		}
		if err := f.hold(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) onRedis(ctx context.Context, addr string) error {
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
		if err := f.hold(ctx, contest); err != nil {
			return err
		}
	}
	return nil
}

func (f *field) onKafka(ctx context.Context, broker, registry string) error {
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
		{kafkaAsync1, "One goroutine sends to a topic with one partition and waits at the end; so does the Python reference.", 1, 0, 150_000},
		{kafkaAsync6, "One goroutine sends to a topic with six partitions and waits at the end.", 6, 0, 150_000},
		{kafkaSync64, "64 goroutines send to a topic with one partition, each waiting for every event.", 1, 64, 25_000},
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
			k, err := c.in(ctx, reference, pythonTopic, 1, 2000, nil)
			if err != nil {
				return err
			}
			k.outside = f.python.kafka
			contest.contenders = append(contest.contenders, k)
		}
		if err := f.hold(ctx, contest); err != nil {
			return err
		}
	}
	return nil
}
