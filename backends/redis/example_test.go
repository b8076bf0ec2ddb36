package redis_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// An event goes to a stream. A server within the process stands in for Redis.
func Example() {
	server := miniredis.NewMiniRedis()
	if err := server.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	type course struct {
		Key  string `json:"key"`
		Name string `json:"name"`
	}
	published := signalcast.NewSignal[course]("org.example.course.published.v1")
	registry := signalcast.NewRegistry()
	if err := registry.Register(published); err != nil {
		fmt.Println(err)
		return
	}
	config, err := signalcast.ParseProducerConfig([]byte(`{
		"org.example.course.published.v1": {"courses": {"event_key_field": "key", "enabled": true}}
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	backend, err := redis.New(redis.Config{URL: "redis://" + server.Addr()})
	if err != nil {
		fmt.Println(err)
		return
	}
	dispatcher, err := signalcast.NewDispatcher(ctx, registry, config, backend,
		signalcast.WithTopicPrefix("prod"), signalcast.WithCodec(signalcast.JSON()))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := published.Send(ctx, registry, course{Key: "course-v1:A+B+C", Name: "Birds"}); err != nil {
		fmt.Println(err)
	}
	if err := dispatcher.Close(ctx); err != nil {
		fmt.Println(err)
	}

	entries, err := server.Stream("prod-courses")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, entry := range entries {
		fmt.Println(entry.Values[0], entry.Values[1])
		fmt.Println(entry.Values[14], entry.Values[15])
	}
	// Output:
	// type org.example.course.published.v1
	// event_data {"key":"course-v1:A+B+C","name":"Birds"}
}
