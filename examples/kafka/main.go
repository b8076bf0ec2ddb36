// Kafka sends Open edX events to a Kafka broker and shows where each is stored.
//
//	examples/kafka/run.sh      starts a broker and a schema registry, and runs this program
//
// To use another broker and registry, set the variables of the Open edX event bus:
//
//	export EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:9092
//	export EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL=http://127.0.0.1:8081
//	go run ./examples/kafka
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/authoring"
	"github.com/signalcast/signalcast/openedx/learning"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

//go:embed producer.json
var producerJSON []byte

func run(ctx context.Context, args []string, getenv func(string) string, out io.Writer) (err error) {
	flags := flag.NewFlagSet("kafka", flag.ContinueOnError)
	client := flags.String("client", "kafka-go", "the `library` to publish with: kafka-go or franz-go")
	if err := flags.Parse(args); err != nil {
		return err
	}
	backend, err := openBackend(*client, getenv)
	if err != nil {
		return err
	}

	config, err := signalcast.ParseProducerConfig(producerJSON)
	if err != nil {
		return err
	}
	registry := signalcast.NewRegistry(signalcast.WithSource(openedx.Source("example")))
	if err := registry.Register(openedx.Signals()...); err != nil {
		return err
	}
	report := new(report)
	// NewDispatcher registers the schemas of all enabled topics.
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend,
		signalcast.WithTopicPrefix(getenv("EVENT_BUS_TOPIC_PREFIX")),
		signalcast.WithHooks(signalcast.Hooks{Delivered: report.delivered}))
	if err != nil {
		return errors.Join(err, backend.Close(ctx))
	}
	defer func() { err = errors.Join(err, dispatcher.Close(ctx)) }()

	if err := sendEvents(ctx, registry); err != nil {
		return err
	}
	return report.print(out)
}

func openBackend(client string, getenv func(string) string) (signalcast.Backend, error) {
	switch client {
	case "kafka-go":
		return kafka.New(kafkaconfig.FromEnv(getenv))
	case "franz-go":
		return franz.New(kafkaconfig.FromEnv(getenv))
	default:
		return nil, fmt.Errorf("--client: found %q; want kafka-go or franz-go", client)
	}
}

// sendEvents sends one event that has two topics, and two events with the same key.
func sendEvents(ctx context.Context, r *signalcast.Registry) error {
	const courseKey = "course-v1:edX+DemoX+2026"
	start := time.Date(2026, 9, 1, 8, 0, 0, 0, time.UTC)
	if err := authoring.CourseCatalogInfoChanged.Send(ctx, r, authoring.CourseCatalogEvent{
		CatalogInfo: authoring.CourseCatalogData{
			CourseKey: courseKey, Name: "Demonstration",
			ScheduleData: authoring.CourseScheduleData{Start: start, Pacing: "self"},
		},
	}); err != nil {
		return err
	}
	enrollment := learning.CourseEnrollmentData{
		User:   learning.UserData{ID: 7, IsActive: true, PII: learning.UserPersonalData{Username: "ada"}},
		Course: learning.CourseData{CourseKey: courseKey, DisplayName: "Demonstration", Start: &start},
		Mode:   "audit", IsActive: true, CreationDate: start,
	}
	for _, mode := range []string{"audit", "verified"} {
		enrollment.Mode = mode
		if err := learning.CourseEnrollmentChanged.Send(ctx, r, learning.CourseEnrollmentEvent{Enrollment: enrollment}); err != nil {
			return err
		}
	}
	return nil
}
