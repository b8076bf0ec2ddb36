package memory_test

import (
	"context"
	"fmt"

	"github.com/signalcast/signalcast"
	backend "github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/memory"
)

type user struct {
	Name string `avro:"name"`
}

var userCreated = signalcast.NewSignal[user]("org.example.user.created.v1")

// One service sends an event, and another one receives it.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	bus := backend.New()
	sender := signalcast.NewRegistry()
	check(sender.Register(userCreated))
	_, err := signalcast.NewDispatcher(ctx, sender, signalcast.ProducerConfig{
		userCreated.EventType(): {"users": {EventKeyField: new("name"), Enabled: new(true)}},
	}, bus)
	check(err)

	receiver := signalcast.NewRegistry()
	check(receiver.Register(userCreated))
	_, err = userCreated.Connect(receiver, func(_ context.Context, e signalcast.Event[user]) error {
		fmt.Println("received", e.Data.Name)
		return nil
	})
	check(err)
	source := memory.NewSource(bus, "welcome-mails", "users")
	consumer, err := consume.New(receiver, source, consume.Config{})
	check(err)
	go func() { check(consumer.Run(ctx)) }()

	check(userCreated.Send(ctx, sender, user{Name: "ada"}))
	check(source.Wait(ctx))
	// Output: received ada
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
