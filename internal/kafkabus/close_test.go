package kafkabus_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/kafkaconfig"
	"github.com/signalcast/signalcast/internal/kafkabus"
	"github.com/signalcast/signalcast/internal/kafkatest"
)

func TestCloseNamesTheCauseOfPendingMessages(t *testing.T) {
	t.Parallel()
	const count = 5
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		t.Run("from brokers that were never there", func(t *testing.T) {
			t.Parallel()
			b := start(t, open, kafkabus.Config{Brokers: []string{nowhere}})
			known := publishMany(t, b, plain, count)
			awaitRefusal(t, b)
			for _, err := range givenUp(t, b, known) {
				require.ErrorIs(t, err, syscall.ECONNREFUSED)
			}
		})
		t.Run("from brokers that went away", func(t *testing.T) {
			t.Parallel()
			cluster := kafkatest.NewCluster(t)
			b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs(), MaxMessageBytes: 1 << 10}) // several batches
			delivered(t, publish(t, b, plain.message("topic", "key", 0)))
			cluster.Close()
			known := publishMany(t, b, plain, count)
			awaitRefusal(t, b)
			for _, err := range givenUp(t, b, known) {
				require.Contains(t, err.Error(), signalcast.ErrClosed.Error()+": ")
			}
		})
		t.Run("from a schema registry that fails", func(t *testing.T) {
			t.Parallel()
			registry, s := kafkatest.NewRegistry(t), newSchemas()
			registry.Fail(http.StatusServiceUnavailable)
			b := start(t, open, kafkabus.Config{Brokers: []string{nowhere}, SchemaRegistry: registry.URL, RegisterOnUse: true})
			known := publishMany(t, b, s, count)
			require.Eventually(t, func() bool { return len(registry.Requests()) > 1 }, patience, time.Millisecond)
			for _, err := range givenUp(t, b, known) {
				var schema *kafkaconfig.SchemaError
				require.ErrorAs(t, err, &schema)
			}
		})
	})
}

// publishMany publishes messages of one key whose values have 500 bytes.
func publishMany(t *testing.T, b signalcast.Backend, s schemas, count int) (known []<-chan outcome) {
	t.Helper()
	for n := range count {
		m := s.message("topic", "key", n)
		m.Event.Value = bytes.Repeat([]byte{'.'}, 500)
		known = append(known, publish(t, b, m))
	}
	return known
}

// awaitRefusal waits until the backend knows that a broker refuses connections. Before that, a slow machine can make it report other
// causes.
func awaitRefusal(t *testing.T, b signalcast.Backend) {
	t.Helper()
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(b.(interface{ Troubles() []signalcast.Trouble }).Troubles(), func(trouble signalcast.Trouble) bool {
			return errors.Is(trouble.Err, syscall.ECONNREFUSED)
		})
	}, patience, time.Millisecond)
}

// givenUp closes b without waiting and returns the failures of the messages,
// which are due to that.
func givenUp(t *testing.T, b signalcast.Backend, known []<-chan outcome) (failures []error) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := b.Close(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.NotContains(t, err.Error(), "close", "callers add that themselves")
	for _, k := range known {
		err := await(t, k).err
		require.ErrorIs(t, err, signalcast.ErrClosed)
		require.NotErrorIs(t, err, context.Canceled)
		failures = append(failures, err)
	}
	return failures
}

func TestCloseGivesUpInTime(t *testing.T) {
	t.Parallel()
	forEachBackend(t, func(t *testing.T, open kafkatest.Open) {
		cluster := kafkatest.NewCluster(t)
		b := start(t, open, kafkabus.Config{Brokers: cluster.ListenAddrs()})
		delivered(t, publish(t, b, plain.message("topic", "key", 1)))
		// The brokers accept requests and never respond.
		asked := make(chan struct{})
		once := sync.OnceFunc(func() { close(asked) })
		cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			once()
			return nil, nil, true
		})
		known := publish(t, b, plain.message("topic", "key", 2))
		<-asked
		giveUp, cancel := context.WithCancel(t.Context())
		closed := make(chan error, 1)
		go func() { closed <- b.Close(giveUp) }()
		require.Eventually(t, func() bool {
			err := b.Publish(t.Context(), plain.message("topic", "key", 3), func(signalcast.Receipt, error) {})
			return errors.Is(err, signalcast.ErrClosed)
		}, patience, time.Millisecond)
		impatient, cancelImpatient := context.WithTimeout(t.Context(), briefly)
		defer cancelImpatient()
		require.ErrorIs(t, b.Close(impatient), context.DeadlineExceeded, "a second Close is bounded by its own context")
		cancel()
		require.ErrorContains(t, <-closed, "kafka: gave up ")
		require.ErrorIs(t, failure(t, known, signalcast.FateUnknown), signalcast.ErrClosed)
		require.ErrorContains(t, b.Close(t.Context()), "kafka: gave up ", "a second Close returns the same error")
	})
}
