package redis_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

type thing struct {
	Name string `avro:"name"`
}

// The room of a message is free when its hook has returned, so a hook that waited
// for room in a full buffer would wait for itself.
func TestHookMaySendWithoutWaitingForRoom(t *testing.T) {
	t.Parallel()
	server := startFake(t, &fake{})
	b := newBackend(t, redis.Config{URL: server.url(), BufferMessages: 1})
	first, second := signalcast.NewSignal[thing]("org.example.first.v1"), signalcast.NewSignal[thing]("org.example.second.v1")
	registry, config := signalcast.NewRegistry(), signalcast.ProducerConfig{}
	require.NoError(t, registry.Register(first, second))
	for _, def := range registry.Definitions() {
		config[def.EventType()] = map[string]signalcast.TopicConfig{def.EventType(): {Keyless: new(true), Enabled: new(true)}}
	}
	sent := make(chan error, 1)
	d, err := signalcast.NewDispatcher(t.Context(), registry, config, b, signalcast.WithHooks(signalcast.Hooks{
		Delivered: func(*signalcast.Message, signalcast.Receipt) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := second.SendAsync(ctx, registry, thing{})
			sent <- err
		},
	}))
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, first.Send(ctx, registry, thing{}))
	require.ErrorIs(t, <-sent, context.Canceled)
	require.NoError(t, d.Close(ctx))
	require.Equal(t, signalcast.Stats{Accepted: 1, Delivered: 1, Rejected: 1}, d.Stats())
}
