package kafka_test

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
)

// A service reads a topic until it is interrupted.
func ExampleNew() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	registry := signalcast.NewRegistry()
	_ = registry.Register(counterChanged)
	_, _ = counterChanged.Connect(registry, func(ctx context.Context, e signalcast.Event[changed]) error {
		slog.InfoContext(ctx, "counter changed", slog.Int64("key", e.Data.Key))
		return nil
	})
	source, err := kafka.New(kafka.Config{
		Config: kafkaconfig.Config{Brokers: []string{"localhost:9092"}, SchemaRegistry: "http://localhost:8081"},
		Group:  "catalog", Topics: []string{"prod-changes"},
	})
	if err != nil {
		slog.ErrorContext(ctx, "invalid configuration", slog.Any("error", err))
		return
	}
	consumer, err := consume.New(registry, source, consume.Config{Logger: slog.Default()})
	if err != nil {
		slog.ErrorContext(ctx, "invalid configuration", slog.Any("error", err))
		return
	}
	if err := consumer.Run(ctx); err != nil {
		slog.ErrorContext(ctx, "consumer ended", slog.Any("error", err))
	}
}
