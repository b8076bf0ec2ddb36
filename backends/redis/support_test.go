package redis_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
)

// patience is how long tests wait for a condition that must become true.
const patience = 30 * time.Second

// newMessage returns a message for the stream, whose value is the decimal text of n.
func newMessage(stream string, n int) *signalcast.Message {
	return &signalcast.Message{
		Topic: stream,
		Key:   []byte("key"),
		Event: &signalcast.Envelope{
			Metadata: signalcast.Metadata{
				ID:         signalcast.NewUUID(),
				EventType:  "org.example.thing.happened.v1",
				Source:     "openedx/test/web",
				SourceHost: "host",
				Time:       time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC),
				SourceLib:  "11.2.0",
			},
			Value: strconv.AppendInt(nil, int64(n), 10),
		},
	}
}

func newBackend(t testing.TB, c redis.Config) *redis.Backend {
	t.Helper()
	b, err := redis.New(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = b.Close(ended) // gives up what the test left
	})
	return b
}

// listen returns a listener on a free port, which the test closes.
func listen(t testing.TB) net.Listener {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return l
}

// fates records the outcomes of messages.
type fates struct {
	mu        sync.Mutex
	delivered map[string]string // value → ID of the entry
	failed    map[string]error
	twice     []string
}

func newFates() *fates {
	return &fates{delivered: map[string]string{}, failed: map[string]error{}}
}

// of returns a done function for m.
func (f *fates) of(m *signalcast.Message) func(signalcast.Receipt, error) {
	value := string(m.Event.Value)
	return func(r signalcast.Receipt, err error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if _, known := f.delivered[value]; known || f.failed[value] != nil {
			f.twice = append(f.twice, value)
		}
		if err != nil {
			f.failed[value] = err
		} else {
			f.delivered[value] = r.ID
		}
	}
}

// publish publishes the messages numbered from first to last.
func (f *fates) publish(t testing.TB, b *redis.Backend, stream string, first, last int) {
	t.Helper()
	for n := first; n <= last; n++ {
		m := newMessage(stream, n)
		require.NoError(t, b.Publish(t.Context(), m, f.of(m)))
	}
}

func (f *fates) requireDelivered(t testing.TB, count int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Empty(t, f.twice)
	require.Empty(t, f.failed)
	require.Len(t, f.delivered, count)
}

// failure returns the one failure that all messages of f had.
func (f *fates) failure(t testing.TB) *signalcast.DeliveryError {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	require.Empty(t, f.twice)
	require.Empty(t, f.delivered)
	require.NotEmpty(t, f.failed)
	for _, err := range f.failed {
		var failure *signalcast.DeliveryError
		require.ErrorAs(t, err, &failure)
		return failure
	}
	return nil
}

func flush(t testing.TB, b *redis.Backend) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, b.Flush(ctx))
}

// requireOrdered fails unless the numbers, from 1 to count, are first seen in
// their order. It returns how many were seen again.
func requireOrdered(t testing.TB, values []string, count int) (repeated int) {
	t.Helper()
	next := 1
	for i, v := range values {
		n, err := strconv.Atoi(v)
		require.NoError(t, err)
		switch {
		case n == next:
			next++
		case n > next:
			require.Failf(t, "out of order", "entry %d holds %d; %d was not seen before", i, n, next)
		default:
			repeated++
		}
	}
	require.Equal(t, count, next-1, "entries seen")
	return repeated
}
