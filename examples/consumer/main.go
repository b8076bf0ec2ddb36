// Consumer reads the events of the quickstart and prints them, typed.
//
//	go run ./examples/consumer                                       sends some events itself, in memory
//	go run ./examples/consumer --redis redis://127.0.0.1:6379/0      reads a Redis server until it is interrupted
//
// To see it work with a server, run the quickstart with the same --redis in another terminal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/authoring"
	"github.com/signalcast/signalcast/openedx/learning"
)

// The topics of the quickstart, with its prefix.
func topics() []string {
	return []string{"dev-course-enrollments", "dev-learning-certificate-lifecycle", "dev-course-authoring-xblock-lifecycle"}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("consumer", flag.ContinueOnError)
	redisURL := flags.String("redis", "", "read the Redis server at this `URL` instead of memory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	registry := signalcast.NewRegistry()
	if err := registry.Register(openedx.Signals()...); err != nil {
		return err
	}
	if err := connect(registry, out); err != nil {
		return err
	}
	if *redisURL == "" {
		return runInMemory(ctx, registry)
	}
	source, err := redis.New(redis.Config{Server: redisbus.Config{URL: *redisURL}, Group: "example-consumer", Topics: topics()})
	if err != nil {
		return err
	}
	consumer, err := consume.New(registry, source, consume.Config{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Keys:   openedx.DefaultConfig(), // the keys of the entries, which Redis does not carry
	})
	if err != nil {
		return err
	}
	return errors.Join(consumer.Run(ctx), source.Close())
}

// connect connects a receiver to each signal that this service is interested in.
func connect(r *signalcast.Registry, out io.Writer) error {
	_, errEnrolled := learning.CourseEnrollmentCreated.Connect(r, func(_ context.Context, e signalcast.Event[learning.CourseEnrollmentEvent]) error {
		data := e.Data.Enrollment
		_, err := fmt.Fprintf(out, "%s enrolled in %s (%s)\n", data.User.PII.Username, data.Course.CourseKey, data.Mode)
		return err
	})
	_, errCertificate := learning.CertificateCreated.Connect(r, func(_ context.Context, e signalcast.Event[learning.CertificateEvent]) error {
		data := e.Data.Certificate
		_, err := fmt.Fprintf(out, "%s has a certificate of %s\n", data.User.PII.Username, data.Course.CourseKey)
		return err
	})
	_, errPublished := authoring.XBlockPublished.Connect(r, func(_ context.Context, e signalcast.Event[authoring.XBlockEvent]) error {
		_, err := fmt.Fprintf(out, "%s was published\n", e.Data.XBlockInfo.UsageKey)
		return err
	})
	return errors.Join(errEnrolled, errCertificate, errPublished)
}
