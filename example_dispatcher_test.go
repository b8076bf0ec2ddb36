package signalcast_test

import (
	"context"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// Plan shows what an event would become, and sends nothing.
func ExampleDispatcher_Plan() {
	dispatcher, _, _ := exampleDispatcher()
	messages, err := dispatcher.Plan("org.example.course.published.v1",
		[]byte(`{"course_key": "course-v1:edX+DemoX+2026", "title": "Demo"}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range messages {
		fmt.Printf("%s: key %q, %d bytes\n", m.Topic, m.Key, len(m.Event.Value))
	}

	_, err = dispatcher.Plan("org.example.course.published.v1", []byte(`{"course_key": 7, "titel": "Demo"}`))
	fmt.Println(err)
	// Output:
	// courses: key "course-v1:edX+DemoX+2026", 56 bytes
	// event data of "org.example.course.published.v1": 3 faults:
	// line 1, column 16: course_key: found a number; want a string
	// line 1, column 19: unknown field "titel"
	// line 1, column 34: title: missing; want a string
}

// Reload puts another configuration into service, or none of it.
func ExampleDispatcher_Reload() {
	dispatcher, _, _ := exampleDispatcher()
	ctx := context.Background()
	change, err := dispatcher.Reload(ctx, signalcast.ProducerConfig{
		"org.example.course.published.v1": {
			"search": {EventKeyField: new("course_key"), Enabled: new(true)},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, route := range change.Started {
		fmt.Println("started:", route.EventType, "to", route.Topic)
	}
	for _, route := range change.Stopped {
		fmt.Println("stopped:", route.EventType, "to", route.Topic)
	}

	_, err = dispatcher.Reload(ctx, signalcast.ProducerConfig{
		"org.example.course.published.v1": {
			"search": {EventKeyField: new("course_kye"), Enabled: new(true)},
		},
	})
	fmt.Println(err)
	fmt.Println("still served:", dispatcher.Routes()[0].Topic)
	// Output:
	// started: org.example.course.published.v1 to search
	// stopped: org.example.course.published.v1 to courses
	// org.example.course.published.v1 → search → event_key_field: key path "course_kye": unknown field "course_kye"; want course_key, title (did you mean "course_key"?)
	// still served: search
}

// exampleConfig publishes courses to one topic.
func exampleConfig() signalcast.ProducerConfig {
	return signalcast.ProducerConfig{
		"org.example.course.published.v1": {
			"courses": {EventKeyField: new("course_key"), Enabled: new(true)},
		},
	}
}

// exampleDispatcher returns a dispatcher of exampleConfig, with its registry and backend.
func exampleDispatcher() (*signalcast.Dispatcher, *signalcast.Registry, *memory.Backend) {
	registry, backend := signalcast.NewRegistry(), memory.New()
	if err := registry.Register(Published); err != nil {
		log.Fatal(err)
	}
	d, err := signalcast.NewDispatcher(context.Background(), registry, exampleConfig(), backend,
		signalcast.WithCodec(signalcast.JSON()))
	if err != nil {
		log.Fatal(err)
	}
	return d, registry, backend
}
