package signalcast_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
)

// SendAsync returns when the messages are in the buffer of the backend. The delivery has the
// outcome of each.
func ExampleSignal_SendAsync() {
	_, registry, backend := exampleDispatcher()
	backend.Hold() // the broker does not reply
	delivery, err := Published.SendAsync(context.Background(), registry, CoursePublished{CourseKey: "course-v1:edX+DemoX"})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range delivery.Results() {
		if failure, ok := errors.AsType[*signalcast.DeliveryError](r.Err); ok {
			fmt.Println(r.Topic, failure.Fate)
		}
	}

	backend.Release()
	if err := delivery.Wait(context.Background()); err != nil {
		log.Fatal(err)
	}
	for _, r := range delivery.Results() {
		fmt.Println(r.Topic, "stored as", r.Receipt.ID)
	}
	// Output:
	// courses pending
	// courses stored as 1
}

// SendJSON sends an event by its name. It checks the data strictly.
func ExampleRegistry_SendJSON() {
	_, registry, backend := exampleDispatcher()
	err := registry.SendJSON(context.Background(), "org.example.course.published.v1",
		[]byte(`{"course_key": "course-v1:edX+DemoX", "title": "Demo"}`))
	fmt.Println(len(backend.Messages("courses")), err)

	err = registry.SendJSON(context.Background(), "org.example.course.published.v1",
		[]byte(`{"course_key": "course-v1:edX+DemoX", "title": 7}`))
	if invalid, ok := errors.AsType[*signalcast.EncodeError](err); ok {
		for _, f := range invalid.Fields {
			fmt.Printf("column %d: %s: %s; want %s\n", f.Column, f.Path, f.Found, f.Want)
		}
	}
	// Output:
	// 1 <nil>
	// column 48: title: found a number; want a string
}
