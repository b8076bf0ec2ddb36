package openedx_test

import (
	"context"
	"fmt"
	"time"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/openedx"
	"github.com/signalcast/signalcast/openedx/learning"
)

// Example enables a topic of the platform and sends an event to it.
func Example() {
	ctx := context.Background()
	registry := signalcast.NewRegistry(signalcast.WithSource(openedx.Source("lms")))
	if err := registry.Register(openedx.Signals()...); err != nil {
		panic(err)
	}
	config := signalcast.MergeProducerConfigs(openedx.DefaultConfig(), signalcast.ProducerConfig{
		"org.openedx.learning.course.unenrollment.completed.v1": {
			"course-unenrollment-lifecycle": {Enabled: new(true)},
		},
	})
	backend := memory.New()
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend)
	if err != nil {
		panic(err)
	}
	defer func() { _ = dispatcher.Close(ctx) }()

	err = learning.CourseUnenrollmentCompleted.Send(ctx, registry, learning.CourseEnrollmentEvent{
		Enrollment: learning.CourseEnrollmentData{
			User:         learning.UserData{ID: 7, IsActive: true, PII: learning.UserPersonalData{Username: "ada", Email: "ada@example.org"}},
			Course:       learning.CourseData{CourseKey: "course-v1:edX+DemoX+2024_T1"},
			Mode:         "audit",
			CreationDate: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		},
	})
	if err != nil {
		panic(err)
	}
	for _, m := range backend.Messages() {
		fmt.Printf("%s: %d bytes from %s, key schema %s\n", m.Topic, len(m.Event.Value), m.Event.Source, m.KeySchema.Text)
	}
	// Output:
	// course-unenrollment-lifecycle: 88 bytes from openedx/lms/web, key schema {"name": "course_key", "type": "string"}
}
