package redis_test

import (
	"context"
	"log/slog"
	"os"
	"os/signal"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/redis"
)

// A service reads a stream until it is interrupted.
func ExampleNew() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	registry := signalcast.NewRegistry()
	_ = registry.Register(counterChanged)
	_, _ = counterChanged.Connect(registry, func(ctx context.Context, e signalcast.Event[changed]) error {
		slog.InfoContext(ctx, "counter changed", slog.Int64("key", e.Data.Key))
		return nil
	})
	source, err := redis.New(redis.Config{
		Server: redisbus.Config{URL: "redis://localhost:6379"}, Group: "catalog", Topics: []string{"prod-changes"},
	})
	if err != nil {
		slog.ErrorContext(ctx, "invalid configuration", slog.Any("error", err))
		return
	}
	defer func() { _ = source.Close() }()
	consumer, err := consume.New(registry, source, consume.Config{Keys: producers(), TopicPrefix: "prod", Logger: slog.Default()})
	if err != nil {
		slog.ErrorContext(ctx, "invalid configuration", slog.Any("error", err))
		return
	}
	if err := consumer.Run(ctx); err != nil {
		slog.ErrorContext(ctx, "consumer ended", slog.Any("error", err))
	}
}
