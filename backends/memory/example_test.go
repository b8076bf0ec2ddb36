package memory_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
)

type user struct {
	Name string `json:"name"`
}

var userCreated = signalcast.NewSignal[user]("org.example.user.created.v1")

// newDispatcher publishes users to the topic "users", keyed by name.
func newDispatcher(registry *signalcast.Registry, backend signalcast.Backend) *signalcast.Dispatcher {
	if err := registry.Register(userCreated); err != nil {
		panic(err)
	}
	config := signalcast.ProducerConfig{
		userCreated.EventType(): {"users": {EventKeyField: new("name"), Enabled: new(true)}},
	}
	dispatcher, err := signalcast.NewDispatcher(context.Background(), registry, config, backend,
		signalcast.WithCodec(signalcast.JSON()))
	if err != nil {
		panic(err)
	}
	return dispatcher
}

func Example() {
	ctx := context.Background()
	registry, backend := signalcast.NewRegistry(), memory.New()
	dispatcher := newDispatcher(registry, backend)
	if err := userCreated.Send(ctx, registry, user{Name: "ada"}); err != nil {
		panic(err)
	}
	for _, m := range backend.Messages() {
		fmt.Printf("%s %s %s\n", m.Topic, m.Key, m.Event.Value)
	}
	fmt.Println(dispatcher.Close(ctx))
	// Output:
	// users ada {"name":"ada"}
	// <nil>
}

func ExampleBackend_Inject() {
	ctx := context.Background()
	registry, backend := signalcast.NewRegistry(), memory.New()
	newDispatcher(registry, backend)

	// The destination stores the next message, but its acknowledgement is lost.
	backend.Inject(memory.Fault{Times: 1, Err: errors.New("connection reset"), Stored: true})
	err := userCreated.Send(ctx, registry, user{Name: "ada"})

	failure, _ := errors.AsType[*signalcast.DeliveryError](err)
	fmt.Println(failure.Fate, len(backend.Messages("users")))
	// Output:
	// unknown 1
}
