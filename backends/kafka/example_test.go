package kafka_test

import (
	"context"
	"fmt"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafka"
	"github.com/signalcast/signalcast/openedx"
)

// A service sends the Open edX events that its configuration enables to Kafka.
func Example() {
	ctx := context.Background()
	registry := signalcast.NewRegistry()
	if err := registry.Register(openedx.Signals()...); err != nil {
		panic(err)
	}
	backend, err := kafka.New(kafka.Config{
		Brokers:        []string{"localhost:9092"},
		SchemaRegistry: "http://localhost:8081",
	})
	if err != nil {
		panic(err)
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, openedx.DefaultConfig(), backend)
	if err != nil {
		panic(err) // the schema registry refuses a schema, say
	}
	defer func() { _ = dispatcher.Close(ctx) }()
}

func ExampleConfigFromEnv() {
	settings := map[string]string{ // os.Getenv has those of the environment
		"EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS":   "kafka-1:9093,kafka-2:9093",
		"EVENT_BUS_KAFKA_API_KEY":             "key",
		"EVENT_BUS_KAFKA_API_SECRET":          "very-secret",
		"EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": "https://registry:8081",
	}
	config := kafka.ConfigFromEnv(func(name string) string { return settings[name] })
	fmt.Println(config.SASLMechanism)
	fmt.Printf("%+v\n", config)
	// Output:
	// PLAIN
	// kafka.Config{brokers kafka-1:9093,kafka-2:9093, schema registry https://registry:8081}
}
