package filebackend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/examples/filebackend"
)

type order struct {
	Number string `json:"number"`
	Total  int64  `json:"total"`
}

var orderPlaced = signalcast.NewSignal[order]("org.example.order.placed.v1")

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "filebackend")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	registry := signalcast.NewRegistry()
	if err := registry.Register(orderPlaced); err != nil {
		panic(err)
	}
	config, err := signalcast.ParseProducerConfig([]byte(`{
		"org.example.order.placed.v1": {"orders": {"event_key_field": "number", "enabled": true}}
	}`))
	if err != nil {
		panic(err)
	}
	backend, err := filebackend.New(filebackend.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend, signalcast.WithCodec(signalcast.JSON()))
	if err != nil {
		panic(err)
	}
	if err := orderPlaced.Send(ctx, registry, order{Number: "A-17", Total: 990}); err != nil {
		panic(err)
	}
	if err := dispatcher.Close(ctx); err != nil {
		panic(err)
	}

	text, err := os.ReadFile(filepath.Join(dir, "orders.jsonl"))
	if err != nil {
		panic(err)
	}
	var line filebackend.Line
	if err := json.Unmarshal(text, &line); err != nil {
		panic(err)
	}
	fmt.Printf("%s\n%s\n%s\n", line.Metadata.EventType, line.Key, line.Value)
	// Output:
	// org.example.order.placed.v1
	// A-17
	// {"number":"A-17","total":990}
}
