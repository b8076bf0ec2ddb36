//go:build integration

package soak_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/signalcast/signalcast/inbox"
	"github.com/signalcast/signalcast/test/programs"
)

// The test binary runs as a service if the first variable is set. Services are killed.
const (
	nameVariable     = "SIGNALCAST_TEST_SERVICE"
	journalVariable  = "SIGNALCAST_TEST_JOURNAL" // a named pipe
	folderVariable   = "SIGNALCAST_TEST_FOLDER"  // for configurations and the log
	databaseVariable = "SIGNALCAST_TEST_DATABASE"
	redisVariable    = "SIGNALCAST_TEST_REDIS"
	brokersVariable  = "SIGNALCAST_TEST_BROKERS"
	registryVariable = "SIGNALCAST_TEST_REGISTRY"
)

func TestMain(m *testing.M) {
	name := os.Getenv(nameVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := runService(name); err != nil {
		fmt.Fprintf(os.Stderr, "service %s: %v\n", name, err)
		os.Exit(1)
	}
}

// service sends, relays and consumes on two buses until SIGTERM. SIGUSR1 ends only the sending.
type service struct {
	name    string
	journal *os.File
	logger  *slog.Logger
	pool    *pgxpool.Pool
	number  atomic.Int64 // of the last event; begins at the time, so that numbers ascend across restarts
}

// The verbs of lines in the journal that the ledger does not read.
const (
	problemVerb = "X" // something that must not occur
	sampleVerb  = "M" // what the process uses, and what it counted
)

// report writes something that must not occur into the journal.
func (s *service) report(format string, args ...any) { s.note(problemVerb+" "+format, args...) }

// note writes a line of the journal. The line is in the pipe when note returns, so it stays if the process is killed.
func (s *service) note(format string, args ...any) {
	if _, err := fmt.Fprintf(s.journal, format+"\n", args...); err != nil {
		fmt.Fprintf(os.Stderr, "service %s: journal: %v\n", s.name, err)
		os.Exit(1)
	}
}

func runService(name string) (err error) {
	terminate, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	sending, stopSending := signal.NotifyContext(terminate, syscall.SIGUSR1)
	defer stopSending()
	s := &service{name: name}
	s.number.Store(time.Now().UnixMicro())
	if s.journal, err = os.OpenFile(os.Getenv(journalVariable), os.O_WRONLY, 0); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(os.Getenv(folderVariable), name+".log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	config, err := pgxpool.ParseConfig(os.Getenv(databaseVariable))
	if err != nil {
		return err
	}
	config.MaxConns = 30
	if s.pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		return err
	}
	defer s.pool.Close()
	return s.run(sending, terminate)
}

func (s *service) run(sending, terminate context.Context) error {
	if err := s.migrate(terminate); err != nil {
		return err
	}
	working, end := context.WithCancel(context.Background())
	defer end()
	var buses []*bus
	for _, name := range busNames {
		b, err := s.open(terminate, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		buses = append(buses, b)
	}
	var senders, workers sync.WaitGroup
	failures := make(chan error, 2*len(buses))
	for _, b := range buses {
		b.send(sending, &senders)
		workers.Go(func() { failures <- b.relay.Run(working) })
		workers.Go(func() { failures <- b.consumer.Run(working) })
	}
	err := s.watch(terminate, buses, failures)
	senders.Wait()
	end()
	workers.Wait()
	for range 2 * len(buses) {
		select {
		case e := <-failures:
			err = errors.Join(err, e)
		default: // watch has received it
		}
	}
	for _, b := range buses {
		err = errors.Join(err, b.close())
	}
	return err
}

func (s *service) migrate(ctx context.Context) error {
	_, err := s.pool.Exec(ctx, `create table if not exists effects (series text, n bigint, primary key (series, n))`)
	if err != nil && !strings.Contains(err.Error(), "duplicate key") { // two services create it
		return err
	}
	return inbox.Migrate(ctx, inbox.PgxPool(s.pool))
}

// watch checks the counts of the service and samples the process, until ctx ends or a relay or consumer fails.
func (s *service) watch(ctx context.Context, buses []*bus, failures <-chan error) error {
	checks, samples := time.NewTicker(20*time.Millisecond), time.NewTicker(time.Second)
	defer checks.Stop()
	defer samples.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failures:
			return fmt.Errorf("a relay or a consumer has ended: %w", err)
		case <-checks.C:
			for _, b := range buses {
				b.check()
			}
		case <-samples.C:
			s.sample(buses)
		}
	}
}

func (s *service) sample(buses []*bus) {
	heap := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(heap)
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		s.report("%s: %v", s.name, err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		s.report("%s: %v", s.name, err)
	}
	_, text, _ := strings.Cut(string(status), "VmRSS:")
	var rss int64
	if _, err := fmt.Sscan(text, &rss); err != nil {
		s.report("%s: VmRSS: %v", s.name, err)
	}
	var reloads, switches int64
	for _, b := range buses {
		reloads += b.reloads.Load()
		switches += b.switches.Load()
	}
	s.note("%s %s %d %d %d %d %d %d", sampleVerb, s.name, heap[0].Value.Uint64(), runtime.NumGoroutine(), len(files)-1, rss<<10, reloads, switches)
}

// pause waits, and reports whether ctx still lasts.
func pause(ctx context.Context, wait time.Duration) bool {
	programs.Pause(ctx, wait)
	return ctx.Err() == nil
}
