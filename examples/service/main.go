// Service enrols users in courses, and publishes an event about each enrolment. README.md maps its files to what they show.
//
//	go run .                                              SQLite, and a bus in memory
//	go run . -redis redis://127.0.0.1:6379/0              Redis streams
//	go run . -kafka 127.0.0.1:9092 -registry http://127.0.0.1:8081
//	go run . -postgres postgres://localhost/enrollments   PostgreSQL, with any of the three
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/configfile"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/outbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	settings, err := parseSettings(os.Args[1:], os.Getenv)
	if err == nil {
		err = run(ctx, settings, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs the service until ctx ends or a part fails.
func run(ctx context.Context, c settings, log *slog.Logger) error {
	s := newService(c, log)
	err := s.start(ctx)
	if err == nil {
		log.InfoContext(ctx, "service started", slog.String("url", s.url))
		select {
		case <-ctx.Done():
		case <-s.failed:
		}
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	err = errors.Join(err, s.stop(stopping))
	log.InfoContext(ctx, "service stopped")
	return err
}

// service connects the parts. Each part uses the parts above it. They stop in the reverse order.
type service struct {
	lifecycle

	settings settings
	log      *slog.Logger

	db         *database
	bus        *bus
	telemetry  *telemetry
	registry   *signalcast.Registry
	loaded     *configfile.Loaded
	dispatcher *signalcast.Dispatcher
	watcher    *configfile.Watcher
	relay      *outbox.Relay
	totals     *readModel
	consumer   *consume.Consumer
	url        string
}

func newService(c settings, log *slog.Logger) *service {
	return &service{settings: c, log: log, lifecycle: lifecycle{failed: make(chan struct{}, 1)}}
}

func (s *service) start(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		s.openServers, s.loadConfig, s.openDispatcher, s.watchConfig, s.startRelay, s.startConsumer, s.serveHTTP,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// openServers opens the database, the bus and telemetry.
func (s *service) openServers(ctx context.Context) (err error) {
	if s.db, err = openDatabase(ctx, s.settings); err != nil {
		return err
	}
	s.closeDatabase = func(context.Context) error { return s.db.close() }
	if s.bus, err = openBus(s.settings); err != nil {
		return err
	}
	s.closeDispatcher = s.bus.backend.Close // until the dispatcher owns the backend
	if s.telemetry, err = openTelemetry(ctx, s.bus.system, s.settings.otlp); err != nil {
		return err
	}
	s.bus.backend = s.telemetry.Wrap(s.bus.backend)
	s.closeTelemetry = s.telemetry.close
	return nil
}

// loadConfig registers the event types, and merges the configuration. Its layers are built-in defaults, a file and the environment.
func (s *service) loadConfig(context.Context) (err error) {
	s.registry = signalcast.NewRegistry(signalcast.WithSource("example/enrollment/web"))
	if err := s.registry.Register(signals()...); err != nil {
		return err
	}
	s.loaded, err = configfile.Load(s.registry,
		configfile.Layer(signalcast.Layer{Name: "defaults", Config: defaultConfig()}),
		configfile.File(s.settings.config),
		configfile.Environment(configfile.ProducerConfigVariable),
	)
	return err
}

// openDispatcher creates the dispatcher. A message of mode on-commit that fails becomes a dead letter. A row that fails stays in the
// outbox.
func (s *service) openDispatcher(ctx context.Context) (err error) {
	s.dispatcher, err = signalcast.NewDispatcher(ctx, s.registry, s.loaded.Merged, s.bus.backend,
		signalcast.WithTopicPrefix(s.settings.prefix),
		signalcast.WithOutbox(s.db.store),
		signalcast.WithDeadLetter("dead"),
		signalcast.WithTraceContext(s.telemetry.TraceContext),
		signalcast.WithLogger(s.log),
	)
	if err != nil {
		return s.loaded.Provenance.Locate(err)
	}
	s.closeDispatcher = s.dispatcher.Close
	s.telemetry.Observe(s.dispatcher)
	return nil
}

// watchConfig reloads the dispatcher when the configuration changes.
func (s *service) watchConfig(context.Context) (err error) {
	if s.watcher, err = configfile.Watch(s.dispatcher, s.loaded, configfile.WatchConfig{Logger: s.log}); err != nil {
		return err
	}
	s.stopWatcher = s.watcher.Close
	s.telemetry.ObserveWatcher(s.watcher)
	return nil
}

// startRelay starts to publish the rows of the outbox. After a crash, the relay of the next process waits until the lease ends.
func (s *service) startRelay(context.Context) (err error) {
	s.relay, err = outbox.NewRelay(s.db.store, s.bus.backend, outbox.Config{Lease: 2 * time.Second, Drain: drainTimeout, Logger: s.log})
	if err != nil {
		return err
	}
	s.stopRelay = s.background(s.relay.Run)
	s.telemetry.ObserveRelay(s.relay)
	s.telemetry.ObserveOutbox(s.db.store.Status)
	return nil
}

// startConsumer starts to fill the read model. A message that fails too often becomes a dead letter of the group.
func (s *service) startConsumer(context.Context) (err error) {
	registry := signalcast.NewRegistry()
	s.totals = &readModel{s.db}
	if err := errors.Join(registry.Register(signals()...), s.totals.connect(registry)); err != nil {
		return err
	}
	s.consumer, err = consume.New(registry, s.bus.source, consume.Config{
		Keys: s.loaded.Merged, TopicPrefix: s.settings.prefix, // Redis carries no keys
		Concurrency: receivers,
		Grace:       drainTimeout,
		Handle:      s.telemetry.Handle,
		Logger:      s.log,
	})
	if err != nil {
		return err
	}
	stop := s.background(s.consumer.Run)
	s.stopConsumer = func(ctx context.Context) error { return errors.Join(stop(ctx), s.bus.closeSource()) }
	s.telemetry.ObserveConsumer(s.consumer)
	return nil
}
