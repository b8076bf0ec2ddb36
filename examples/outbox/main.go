// Outbox creates enrolments in database transactions and publishes an event for each, so that no
// enrolment is without its event, whatever happens to the process.
//
//	go run ./examples/outbox              creates 20 enrolments in SQLite, publishes to a file
//	go run ./examples/outbox -kill 10     kills itself with SIGKILL ten times first
//	go run ./examples/outbox -postgres postgres://localhost/app -redis redis://127.0.0.1:6379/0
//
// Then it compares the enrolments of the database with the published events.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/examples/filebackend"
	"github.com/signalcast/signalcast/outbox"
)

// enrollment is the data of the event.
type enrollment struct {
	ID     int64  `avro:"id"`
	User   string `avro:"user"`
	Course string `avro:"course"`
}

var enrollmentCreated = signalcast.NewSignal[enrollment]("org.example.enrollment.created.v1")

const topic = "enrollments"

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type settings struct {
	dir, postgres, redis string
	number, kill         int
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("outbox", flag.ContinueOnError)
	flags.StringVar(&s.dir, "dir", "", "the `FOLDER` of the SQLite database and of the file of events; default: a new one")
	flags.StringVar(&s.postgres, "postgres", "", "use the PostgreSQL database at this `URL` instead of SQLite")
	flags.StringVar(&s.redis, "redis", "", "publish to the Redis server at this `URL` instead of a file")
	flags.IntVar(&s.number, "n", 20, "the number of enrolments")
	flags.IntVar(&s.kill, "kill", 0, "kill the program with SIGKILL this many `TIMES` first")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "outbox-example")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		s.dir = dir
	}
	if err := s.killSelf(ctx, out); err != nil {
		return err
	}
	if err := s.enroll(ctx, out); err != nil {
		return err
	}
	return s.compare(ctx, out)
}

// enroll creates the enrolments and runs a relay until every event is published.
func (s settings) enroll(ctx context.Context, out io.Writer) (err error) {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return err
	}
	defer db.close()
	backend, err := s.openBackend()
	if err != nil {
		return err
	}
	registry := signalcast.NewRegistry(signalcast.WithSource("example/outbox"))
	if err := registry.Register(enrollmentCreated); err != nil {
		return err
	}
	config := signalcast.ProducerConfig{enrollmentCreated.EventType(): {
		topic: {EventKeyField: new("user"), Enabled: new(true), Mode: new(signalcast.ModeOutbox)},
	}}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend, signalcast.WithOutbox(db.outbox()))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dispatcher.Close(ctx)) }()

	relay, err := outbox.NewRelay(db.outbox(), backend, outbox.Config{Lease: time.Second})
	if err != nil {
		return err
	}
	relaying, stop := context.WithCancel(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- relay.Run(relaying) }()
	defer func() {
		stop()
		err = errors.Join(err, <-stopped)
	}()

	refused := 0
	for i := range s.number {
		e := enrollment{User: fmt.Sprintf("user-%d", i%5), Course: "course-v1:edX+DemoX+2026"}
		if i%4 == 3 {
			e.Course = fullCourse
		}
		err := db.enroll(ctx, registry, e)
		switch {
		case errors.Is(err, errFull):
			refused++
		case err != nil:
			return err
		}
	}
	fmt.Fprintf(out, "created %d enrolments; %d transactions were rolled back\n", s.number-refused, refused)
	return waitUntilEmpty(ctx, db.outbox())
}

// fullCourse is a course whose enrolments are rolled back with errFull, after their event was sent.
const fullCourse = "course-v1:edX+Full+2026"

var errFull = errors.New("the course is full")

func waitUntilEmpty(ctx context.Context, store outbox.Store) error {
	for {
		status, err := store.Status(ctx)
		if err != nil || status.Pending == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (s settings) openBackend() (signalcast.Backend, error) {
	if s.redis != "" {
		return redis.New(redis.Config{URL: s.redis})
	}
	return filebackend.New(filebackend.Config{Dir: s.dir})
}

func (s settings) eventFile() string { return filepath.Join(s.dir, topic+".jsonl") }
