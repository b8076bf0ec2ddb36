package backendkit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
)

var errAway = errors.New("broker is away")

func message(topic string) *signalcast.Message {
	return &signalcast.Message{Topic: topic, Event: &signalcast.Envelope{Value: []byte("value")}}
}

// publish gives a message to q. Its outcome goes to the returned channel.
func publish(t *testing.T, q *backendkit.Queue, topic string) <-chan error {
	t.Helper()
	outcome := make(chan error, 1)
	require.NoError(t, q.Publish(t.Context(), message(topic), func(_ signalcast.Receipt, err error) { outcome <- err }))
	return outcome
}

func TestQueueRetriesItemsWithoutAnOutcomeFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var written []string
		attempts := 0
		q, err := backendkit.NewQueue(backendkit.QueueConfig{}, func(_ context.Context, batch []*backendkit.Item) error {
			attempts++
			for i, e := range batch {
				if attempts < 3 && i == 1 {
					return errAway
				}
				written = append(written, e.Message.Topic)
				e.Delivered(signalcast.Receipt{})
			}
			return nil
		})
		require.NoError(t, err)
		for _, topic := range []string{"a", "b", "c", "d"} {
			publish(t, q, topic)
		}
		require.NoError(t, q.Flush(t.Context()))
		require.Equal(t, []string{"a", "b", "c", "d"}, written)
		require.NoError(t, q.Close(t.Context()))
	})
}

func TestQueueGivesUpAfterTheDeliveryTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		q, err := backendkit.NewQueue(backendkit.QueueConfig{
			DeliveryTimeout: 10 * time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		}, func(context.Context, []*backendkit.Item) error { return errAway })
		require.NoError(t, err)
		start := time.Now()
		failure := <-publish(t, q, "a")
		require.ErrorIs(t, failure, signalcast.ErrDeliveryTimeout)
		require.ErrorIs(t, failure, errAway)
		told, ok := errors.AsType[*signalcast.DeliveryError](failure)
		require.True(t, ok)
		require.Equal(t, signalcast.FateNotWritten, told.Fate)
		require.InDelta(t, 10, time.Since(start).Seconds(), 1)
		require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("delivery fails, retrying")), "an outage is logged once")
		require.NoError(t, q.Close(t.Context()))
	})
}

func TestQueueRejectsNegativeLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []backendkit.QueueConfig{{BufferMessages: -1}, {BufferBytes: -1}, {DeliveryTimeout: -1}} {
		_, err := backendkit.NewQueue(c, nil)
		require.ErrorContains(t, err, "want 0 or more")
	}
}

func TestLogRecoversCallbacksAndUsesTheDispatchersLoggerIfItHasNone(t *testing.T) {
	t.Parallel()
	var own, dispatchers bytes.Buffer
	dispatcher := slog.New(slog.NewTextHandler(&dispatchers, nil))

	with := backendkit.NewLog(slog.New(slog.NewTextHandler(&own, nil)))
	with.UseLogger(dispatcher)
	with.Protect("OnTrim", func() { panic("s3cret") })
	require.Contains(t, own.String(), `msg="callback panicked" callback=OnTrim panic_type=string`)
	require.NotContains(t, own.String(), "s3cret")
	require.Equal(t, int64(1), with.Panics())

	without := backendkit.NewLog(nil)
	without.Logger().InfoContext(t.Context(), "nowhere")
	without.UseLogger(dispatcher)
	without.Logger().InfoContext(t.Context(), "somewhere")
	require.NotContains(t, dispatchers.String(), "nowhere")
	require.Contains(t, dispatchers.String(), "somewhere")
}

func TestBackoffDoublesUpToASecond(t *testing.T) {
	t.Parallel()
	for failures, limit := range map[int]time.Duration{
		-1: 20 * time.Millisecond, 0: 20 * time.Millisecond, 1: 20 * time.Millisecond, 2: 40 * time.Millisecond,
		6: 640 * time.Millisecond, 7: time.Second, 1000: time.Second,
	} {
		for range 100 {
			pause := backendkit.Backoff(failures)
			require.LessOrEqual(t, pause, limit)
			require.GreaterOrEqual(t, pause, limit/2)
		}
	}
}

func TestPauseEndsWithItsContextAndItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, backendkit.Pause(t.Context(), 1000, time.Millisecond))
		require.Equal(t, time.Millisecond, time.Since(start))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		require.ErrorIs(t, backendkit.Pause(ctx, 1000, 0), context.DeadlineExceeded)
	})
}

// BenchmarkWaitersWhoseContextsEnd shows that withdrawing a waiter does not depend on the number
// of waiters.
func BenchmarkWaitersWhoseContextsEnd(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("waiters=%d", n), func(b *testing.B) {
			for b.Loop() {
				buffer := backendkit.NewBuffer(1, 1000, false)
				_, err := buffer.Acquire(b.Context(), 1)
				require.NoError(b, err)
				ctx, cancel := context.WithCancel(b.Context())
				left := make(chan error, n)
				for range n {
					go func() {
						_, err := buffer.Acquire(ctx, 1)
						left <- err
					}()
				}
				cancel()
				for range n {
					require.ErrorIs(b, <-left, context.Canceled)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/waiter")
		})
	}
}

func ExampleQueue() {
	q, err := backendkit.NewQueue(backendkit.QueueConfig{}, func(_ context.Context, batch []*backendkit.Item) error {
		for _, e := range batch {
			fmt.Printf("to %s: %s\n", e.Message.Topic, e.Message.Event.Value)
			e.Delivered(signalcast.Receipt{ID: "1"})
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	m := &signalcast.Message{Topic: "orders", Event: &signalcast.Envelope{Value: []byte("an order")}}
	if err := q.Publish(ctx, m, func(r signalcast.Receipt, err error) { fmt.Println("delivered:", r.ID, err) }); err != nil {
		fmt.Println(err)
	}
	if err := q.Close(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// to orders: an order
	// delivered: 1 <nil>
}
