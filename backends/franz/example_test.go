package franz_test

import (
	"context"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/franz"
	"github.com/signalcast/signalcast/openedx"
)

// A service sends the Open edX events that its configuration enables to Kafka.
func Example() {
	ctx := context.Background()
	registry := signalcast.NewRegistry()
	if err := registry.Register(openedx.Signals()...); err != nil {
		panic(err)
	}
	backend, err := franz.New(franz.Config{
		Brokers:        []string{"localhost:9092"},
		SchemaRegistry: "http://localhost:8081",
	})
	if err != nil {
		panic(err)
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, openedx.DefaultConfig(), backend)
	if err != nil {
		panic(err) // the schema registry rejects a schema, say
	}
	defer func() { _ = dispatcher.Close(ctx) }()
}
