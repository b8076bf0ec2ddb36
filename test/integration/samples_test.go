//go:build integration

package integration_test

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/openedx"
)

// everything is a topic that all event types share.
const everything = "everything"

// uniquePrefix returns a topic prefix that no other test or run uses.
func uniquePrefix() string { return "test" + strconv.FormatInt(time.Now().UnixNano(), 36) }

// openedxRegistry returns a registry with every signal of the Open edX catalogue.
func openedxRegistry(t *testing.T, opts ...signalcast.RegistryOption) *signalcast.Registry {
	t.Helper()
	registry := signalcast.NewRegistry(opts...)
	require.NoError(t, registry.Register(openedx.Signals()...))
	return registry
}

// sendSamples sends every sample to the topic of its event type and to the topic everything. It closes the backend.
func sendSamples(t *testing.T, backend signalcast.Backend, prefix string, events []goldenEvent, opts ...signalcast.DispatcherOption) {
	t.Helper()
	registry := openedxRegistry(t)
	config := signalcast.ProducerConfig{}
	for _, event := range events {
		route := signalcast.TopicConfig{EventKeyField: new(event.keyField), Enabled: new(true)}
		config[event.EventType] = map[string]signalcast.TopicConfig{event.topic: route, everything: route}
	}
	dispatcher, err := signalcast.NewDispatcher(t.Context(), registry, config, backend,
		append(opts, signalcast.WithTopicPrefix(prefix))...)
	require.NoError(t, err)
	sent := int64(0)
	for _, event := range events {
		for _, sample := range event.Samples {
			err := registry.SendJSON(t.Context(), event.EventType, sample.Data, signalcast.WithMetadata(sample.Metadata))
			require.NoError(t, err, "%s, sample %s", event.EventType, sample.Name)
			sent += 2
		}
	}
	require.NoError(t, dispatcher.Close(t.Context()))
	stats := dispatcher.Stats()
	require.Equal(t, sent, stats.Delivered)
	require.Zero(t, stats.Failed)
}

// traced is a backend whose messages for the topic everything have a trace.
type traced struct{ signalcast.Backend }

func (b traced) Publish(ctx context.Context, m *signalcast.Message, done func(signalcast.Receipt, error)) error {
	if strings.HasSuffix(m.Topic, everything) {
		c := *m
		c.Trace = &signalcast.TraceContext{TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", TraceState: "vendor=1"}
		m = &c
	}
	return b.Backend.Publish(ctx, m, done)
}

func (b traced) Unwrap() signalcast.Backend { return b.Backend }
