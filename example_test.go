package signalcast_test

import (
	"context"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// CoursePublished is the data of an event: its fields are the event's arguments.
type CoursePublished struct {
	CourseKey string `avro:"course_key"`
	Title     string `avro:"title"`
}

// Published is sent when a course is made visible. Signals are package variables.
var Published = signalcast.NewSignal[CoursePublished]("org.example.course.published.v1")

// A service declares its signals, and a configuration decides where they go.
func Example() {
	ctx := context.Background()
	registry := signalcast.NewRegistry(signalcast.WithSource("example/catalog/web"))
	if err := registry.Register(Published); err != nil {
		log.Fatal(err)
	}

	config, err := signalcast.ParseProducerConfig([]byte(`{
		"org.example.course.published.v1": {
			"courses": {"event_key_field": "course_key", "enabled": true},
			"search":  {"event_key_field": "course_key", "enabled": true},
			"audit":   {"keyless": true, "enabled": false}
		}
	}`))
	if err != nil {
		log.Fatal(err)
	}
	backend := memory.New() // a service has one that reaches a broker
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend,
		signalcast.WithTopicPrefix("prod"), signalcast.WithCodec(signalcast.JSON()))
	if err != nil {
		log.Fatal(err)
	}

	err = Published.Send(ctx, registry, CoursePublished{CourseKey: "course-v1:edX+DemoX+2026", Title: "Demo"})
	if err != nil {
		log.Fatal(err)
	}
	if err := dispatcher.Close(ctx); err != nil {
		log.Fatal(err)
	}
	for _, m := range backend.Messages() {
		fmt.Printf("%s %s %s\n", m.Topic, m.Key, m.Event.Value)
	}
	// Output:
	// prod-courses course-v1:edX+DemoX+2026 {"course_key":"course-v1:edX+DemoX+2026","title":"Demo"}
	// prod-search course-v1:edX+DemoX+2026 {"course_key":"course-v1:edX+DemoX+2026","title":"Demo"}
}
