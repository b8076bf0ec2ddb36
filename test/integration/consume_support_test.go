//go:build integration

package integration_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	redisbus "github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/kafka"
	"github.com/signalcast/signalcast/consume/redis"
)

// collector is what a consumer did with the messages of its source.
type collector struct {
	mu       sync.Mutex
	events   []received
	rejected map[string]error // by position
	skipped  []string         // positions
	changed  chan struct{}
}

func newCollector() *collector {
	return &collector{rejected: map[string]error{}, changed: make(chan struct{}, 1)}
}

// config returns a configuration that collects events instead of calling receivers.
func (c *collector) config() consume.Config {
	return consume.Config{
		Concurrency: 1,
		OnFailure:   consume.Drop,
		HandleAll:   true,
		Handle: func(_ context.Context, e *signalcast.Received) error {
			data, err := e.AppendJSON(nil)
			if err != nil {
				return err
			}
			c.note(func() { c.events = append(c.events, received{Data: data, Metadata: e.Metadata}) })
			return nil
		},
		Hooks: consume.Hooks{
			Dropped: func(m *consume.Message, err error) { c.note(func() { c.rejected[m.Position()] = err }) },
			Skipped: func(m *consume.Message) { c.note(func() { c.skipped = append(c.skipped, m.Position()) }) },
		},
	}
}

func (c *collector) note(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// consumeAll runs a consumer until it has handled, dropped or skipped count messages.
func consumeAll(t *testing.T, source consume.Source, count int) *collector {
	t.Helper()
	c := newCollector()
	consumer, err := consume.New(openedxRegistry(t), source, c.config())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	for done := 0; done < count; {
		select {
		case <-c.changed:
			c.mu.Lock()
			done = len(c.events) + len(c.rejected) + len(c.skipped)
			c.mu.Unlock()
		case err := <-ended:
			t.Fatalf("the consumer ended after %d of %d messages: %v; status %+v", done, count, err, consumer.Status())
		}
	}
	cancel()
	require.NoError(t, <-ended)
	return c
}

// redisSource returns a source that reads a stream from its begin.
func redisSource(t *testing.T, group, stream string) consume.Source {
	t.Helper()
	source, err := redis.New(redis.Config{
		Server: redisbus.Config{URL: setting(t, "SIGNALCAST_TEST_REDIS_URL")}, Group: group, Topics: []string{stream},
	})
	require.NoError(t, err)
	return source
}

// kafkaSource returns a source that reads a topic from its begin.
func kafkaSource(t *testing.T, group, topic string) consume.Source {
	t.Helper()
	source, err := kafka.New(kafka.Config{
		Config: kafkaConfig(t), Group: group, Topics: []string{topic}, Start: consume.Earliest(),
	})
	require.NoError(t, err)
	return source
}

// produceWithReference runs a program of test/reference, which prints how many events it sent.
func produceWithReference(t *testing.T, program string, args ...string) int {
	t.Helper()
	args = append([]string{filepath.Join("..", "reference", program)}, args...)
	out, err := exec.CommandContext(t.Context(), setting(t, "SIGNALCAST_TEST_PYTHON"), args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	count, err := strconv.Atoi(lines[len(lines)-1])
	require.NoError(t, err, "%s", out)
	return count
}

// requireSamples requires that the events are the samples of the event types, in order.
func requireSamples(t *testing.T, events []goldenEvent, got []received) {
	t.Helper()
	var want []goldenSample
	for _, event := range events {
		want = append(want, event.Samples...)
	}
	require.Len(t, got, len(want))
	for i, sample := range want {
		sample.Metadata.FromEventBus = true
		require.Equal(t, sample.Metadata, got[i].Metadata, "%s, sample %s", sample.Metadata.EventType, sample.Name)
		require.Equal(t, tree(t, sample.Data), tree(t, got[i].Data), "%s, sample %s", sample.Metadata.EventType, sample.Name)
	}
}
