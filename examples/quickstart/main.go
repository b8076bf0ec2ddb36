// Quickstart merges three configurations and sends five Open edX events. It shows
// the topics of each event, and which configuration enabled them.
//
//	go run ./examples/quickstart                                       publishes to memory
//	go run ./examples/quickstart --redis redis://127.0.0.1:6379/0      publishes to a Redis server
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/openedx"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	redisURL := flags.String("redis", "", "publish to the Redis server at this `URL` instead of memory")
	if err := flags.Parse(args); err != nil {
		return err
	}

	config, provenance, err := mergedConfig(getenv)
	if err != nil {
		return err
	}

	registry := signalcast.NewRegistry(
		signalcast.WithSource(openedx.Source("quickstart")),
		signalcast.WithSourceHost("localhost"),
		signalcast.WithIDs(countedIDs()), // the output is the same each time; a service leaves this out
	)
	if err := registry.Register(openedx.Signals()...); err != nil {
		return err
	}

	backend, err := openBackend(*redisURL)
	if err != nil {
		return err
	}
	report := &report{provenance: provenance}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend,
		signalcast.WithTopicPrefix("dev"),
		signalcast.WithHooks(signalcast.Hooks{Delivered: report.delivered}))
	if err != nil {
		return provenance.Locate(err) // adds the file and line to every problem
	}
	defer func() { err = errors.Join(err, dispatcher.Close(ctx)) }()

	if err := sendEvents(ctx, registry, report); err != nil {
		return err
	}
	return report.print(out)
}

func openBackend(redisURL string) (signalcast.Backend, error) {
	if redisURL == "" {
		return memory.New(), nil
	}
	return redis.New(redis.Config{URL: redisURL})
}

//go:embed producer.json
var producerJSON []byte

// mergedConfig merges three layers: the topics of the Open edX platform, a file
// and an environment variable. Later layers override earlier ones.
func mergedConfig(getenv func(string) string) (signalcast.ProducerConfig, *signalcast.Provenance, error) {
	file, fileErr := signalcast.ParseLayer("producer.json", producerJSON)

	text := getenv("PRODUCER_CONFIG")
	if text == "" {
		text = `{"org.openedx.learning.course.enrollment.created.v1": {"course-enrollments": {"event_key_field": "enrollment.user.id"}}}`
	}
	environment, environmentErr := signalcast.ParseLayer("PRODUCER_CONFIG", []byte(text))
	if err := errors.Join(fileErr, environmentErr); err != nil {
		return nil, nil, err
	}

	platform := signalcast.Layer{Name: "openedx.DefaultConfig", Config: openedx.DefaultConfig()}
	config, provenance := signalcast.MergeLayers(platform, file, environment)
	return config, provenance, nil
}

// countedIDs returns a source of IDs that counts from 1.
func countedIDs() func() signalcast.UUID {
	var n byte
	return func() signalcast.UUID {
		n++
		return signalcast.UUID{6: 0x70, 8: 0x80, 15: n}
	}
}
