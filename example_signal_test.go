package signalcast_test

import (
	"context"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
)

// Receivers are called in the process of the sender, whether or not the event
// leaves it.
func ExampleSignal_Connect() {
	registry := signalcast.NewRegistry(signalcast.LocalOnly())
	if err := registry.Register(Published); err != nil {
		log.Fatal(err)
	}
	disconnect, err := Published.Connect(registry, func(_ context.Context, e signalcast.Event[CoursePublished]) error {
		fmt.Println(e.EventType, e.Data.Title)
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, title := range []string{"Demo", "Advanced Demo"} {
		if err := Published.Send(context.Background(), registry, CoursePublished{Title: title}); err != nil {
			log.Fatal(err)
		}
		disconnect()
	}
	// Output:
	// org.example.course.published.v1 Demo
}
