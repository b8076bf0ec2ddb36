package avro_test

import (
	"context"
	"fmt"
	"log"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/avro"
	"github.com/signalcast/signalcast/backends/memory"
)

type PagePublished struct {
	Page struct {
		_     struct{} `avro:"PageData"`
		ID    string   `avro:"id"`
		Title *string  `avro:"title"`
	} `avro:"page"`
}

func ExampleDecode() {
	ctx := context.Background()
	pagePublished := signalcast.NewSignal[PagePublished]("org.example.page.published.v1")
	registry := signalcast.NewRegistry()
	if err := registry.Register(pagePublished); err != nil {
		log.Fatal(err)
	}
	config, err := signalcast.ParseProducerConfig([]byte(
		`{"org.example.page.published.v1": {"pages": {"event_key_field": "page.id", "enabled": true}}}`))
	if err != nil {
		log.Fatal(err)
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, memory.New())
	if err != nil {
		log.Fatal(err)
	}

	for _, route := range dispatcher.Routes() {
		if err := avro.Check(route.ValueSchema); err != nil {
			log.Fatal(err)
		}
	}
	messages, err := dispatcher.Plan("org.example.page.published.v1", []byte(`{"page": {"id": "p7", "title": null}}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range messages {
		key, err := avro.Decode(m.KeySchema, m.Key)
		if err != nil {
			log.Fatal(err)
		}
		value, err := avro.Decode(m.Event.ValueSchema, m.Event.Value)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m.Topic, key, value)
	}
	if err := dispatcher.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: pages p7 map[page:map[id:p7 title:<nil>]]
}
