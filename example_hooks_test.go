package signalcast_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

// Hooks count outcomes, for example for metrics. There is one hook for each counter of Stats.
func ExampleWithHooks() {
	registry := signalcast.NewRegistry()
	if err := registry.Register(Published); err != nil {
		log.Fatal(err)
	}
	backend := memory.New()
	backend.Inject(memory.Fault{Err: errors.New("broker is down"), Fate: signalcast.FateNotWritten, Times: 1})
	dispatcher, err := signalcast.NewDispatcher(context.Background(), registry, exampleConfig(), backend,
		signalcast.WithHooks(signalcast.Hooks{
			Delivered: func(m *signalcast.Message, r signalcast.Receipt) { fmt.Println("delivered to", m.Topic, "as", r.ID) },
			Failed:    func(err *signalcast.DeliveryError) { fmt.Println("failed:", err.Fate, err.Err) },
			Rejected:  func(err *signalcast.DeliveryError) { fmt.Println("rejected:", err.Err) },
			Invalid:   func(_ signalcast.Metadata, err error) { fmt.Println("invalid:", err) },
		}))
	if err != nil {
		log.Fatal(err)
	}
	for _, title := range []string{"Demo", "Advanced Demo", "\xff"} {
		_ = Published.Send(context.Background(), registry, CoursePublished{CourseKey: "course-v1:edX+DemoX", Title: title})
	}
	fmt.Printf("%+v\n", dispatcher.Stats())
	// Output:
	// failed: not written broker is down
	// delivered to courses as 1
	// invalid: event data of "org.example.course.published.v1": title: found invalid UTF-8; want text in UTF-8
	// {Accepted:2 Delivered:1 Failed:1 Pending:0 Rejected:0 Held:0 Stored:0 Withdrawn:0 Suppressed:0 Invalid:1 DeadLetters:0 Panics:0}
}
