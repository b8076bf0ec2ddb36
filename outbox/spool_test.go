package outbox_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/outbox"
	outboxmemory "github.com/signalcast/signalcast/outbox/memory"
)

// fullStore fails to insert until it is freed.
type fullStore struct {
	outbox.Store

	full chan struct{}
}

func (s fullStore) Insert(ctx context.Context, messages []*signalcast.Message) error {
	select {
	case <-s.full:
		return s.Store.Insert(ctx, messages)
	default:
		return errors.New("disk full")
	}
}

func TestSpoolKeepsFailedMessagesForTheRelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := fullStore{outboxmemory.New(), make(chan struct{})}
		var log strings.Builder
		spool := outbox.NewSpool(store, outbox.SpoolConfig{Size: 3, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		registry, b := signalcast.NewRegistry(), memory.New(memory.WithBuffer(1, 1<<20), memory.FailFast())
		require.NoError(t, registry.Register(enrolled))
		d, err := signalcast.NewDispatcher(t.Context(), registry, signalcast.ProducerConfig{
			enrolled.EventType(): {"a": {EventKeyField: new("user"), Enabled: new(true)}},
		}, b, signalcast.WithHooks(spool.Hooks()))
		require.NoError(t, err)
		send := func(number int64) error {
			return enrolled.Send(t.Context(), registry, enrollment{"secret", number})
		}
		b.Inject(memory.Fault{Times: 1, Err: errors.New("timed out")})
		require.ErrorContains(t, send(0), "timed out")
		b.Hold()
		_, err = enrolled.SendAsync(t.Context(), registry, enrollment{"secret", 1})
		require.NoError(t, err)
		for n := range int64(4) {
			require.ErrorIs(t, send(2+n), signalcast.ErrBufferFull)
		}
		synctest.Wait()
		require.Equal(t, outbox.SpoolStats{Waiting: 3, Lost: 2}, spool.Stats())
		b.Release()
		close(store.full)
		require.NoError(t, d.Close(t.Context()))
		require.EqualError(t, spool.Close(t.Context()), "outbox: 2 messages of the spool were lost")
		require.Equal(t, outbox.SpoolStats{Stored: 3, Lost: 2}, spool.Stats())

		target := memory.New()
		relay, err := outbox.NewRelay(store, target, outbox.Config{})
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.NoError(t, relay.Run(ctx))
		numbers := []int64{}
		for _, m := range target.Messages("a") {
			numbers = append(numbers, decode(t, m).Number)
		}
		require.Equal(t, []int64{0, 2, 3}, numbers)
		require.Contains(t, log.String(), `msg="spool is full, message lost"`)
		require.NotContains(t, log.String(), "secret")
	})
}

func TestSpoolGivesUpWhenTheContextOfCloseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spool := outbox.NewSpool(fullStore{outboxmemory.New(), make(chan struct{})}, outbox.SpoolConfig{})
		spool.Hooks().Failed(&signalcast.DeliveryError{Message: &signalcast.Message{Event: &signalcast.Envelope{}}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		require.EqualError(t, spool.Close(ctx), "outbox: 1 messages of the spool were lost")
		require.Equal(t, time.Minute, time.Since(start))
	})
}

// unsure loses the first commit.
type unsure struct {
	outbox.Store

	inserts int
}

func (s *unsure) Insert(ctx context.Context, messages []*signalcast.Message) error {
	if s.inserts++; s.inserts == 1 {
		return signalcast.ErrCommitUnknown
	}
	return s.Store.Insert(ctx, messages)
}

func TestSpoolStoresAMessageAgainIfItsCommitIsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := outboxmemory.New()
		spool := outbox.NewSpool(&unsure{Store: store}, outbox.SpoolConfig{})
		spool.Hooks().Failed(&signalcast.DeliveryError{Message: &signalcast.Message{Event: &signalcast.Envelope{}}})
		require.NoError(t, spool.Close(t.Context()))
		require.Equal(t, outbox.SpoolStats{Stored: 1}, spool.Stats())
		status, err := store.Status(t.Context())
		require.NoError(t, err)
		require.Equal(t, int64(1), status.Pending)
	})
}
