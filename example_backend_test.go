package signalcast_test

import (
	"context"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

// printer is a backend that prints messages. The Queue that it embeds has the bounded buffer,
// retries, Flush and Close.
type printer struct{ *backendkit.Queue }

func newPrinter() (*printer, error) {
	queue, err := backendkit.NewQueue(backendkit.QueueConfig{}, func(_ context.Context, batch []*backendkit.Item) error {
		for _, e := range batch {
			fmt.Printf("%s %s %s\n", e.Message.Topic, e.Message.Key, e.Message.Event.Value)
			e.Delivered(signalcast.Receipt{})
		}
		return nil
	})
	return &printer{queue}, err
}

// Prepare accepts every topic.
func (p *printer) Prepare(context.Context, []signalcast.Route) error {
	if p.Closed() {
		return signalcast.ErrClosed
	}
	return nil
}

// A backend of your own publishes to any destination. docs/writing-a-backend.md explains the
// steps, and package backends/backendtest checks the result.
func ExampleBackend() {
	backend, err := newPrinter()
	if err != nil {
		log.Fatal(err)
	}
	registry := signalcast.NewRegistry()
	if err := registry.Register(Published); err != nil {
		log.Fatal(err)
	}
	dispatcher, err := signalcast.NewDispatcher(context.Background(), registry, exampleConfig(), backend,
		signalcast.WithCodec(signalcast.JSON()))
	if err != nil {
		log.Fatal(err)
	}
	data := CoursePublished{CourseKey: "course-v1:edX+DemoX", Title: "Demo"}
	if err := Published.Send(context.Background(), registry, data); err != nil {
		log.Fatal(err)
	}
	if err := dispatcher.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// courses course-v1:edX+DemoX {"course_key":"course-v1:edX+DemoX","title":"Demo"}
}
