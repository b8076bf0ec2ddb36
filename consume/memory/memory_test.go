package memory_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	backend "github.com/signalcast/signalcast/backends/memory"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/consume/memory"
)

// timeout is how long tests wait for a condition that must become true.
const timeout = 30 * time.Second

func newBus(t *testing.T) (*backend.Backend, *signalcast.Registry) {
	t.Helper()
	bus, sender := backend.New(), signalcast.NewRegistry()
	require.NoError(t, sender.Register(userCreated))
	_, err := signalcast.NewDispatcher(t.Context(), sender, signalcast.ProducerConfig{
		userCreated.EventType(): {"users": {EventKeyField: new("name"), Enabled: new(true)}},
	}, bus)
	require.NoError(t, err)
	return bus, sender
}

// run starts a consumer and returns a function that stops it.
func run(t *testing.T, source consume.Source, receive func(context.Context, signalcast.Event[user]) error) (*consume.Consumer, func()) {
	t.Helper()
	receiver := signalcast.NewRegistry()
	require.NoError(t, receiver.Register(userCreated))
	_, err := userCreated.Connect(receiver, receive)
	require.NoError(t, err)
	consumer, err := consume.New(receiver, source, consume.Config{Grace: time.Millisecond, Retry: consume.Retry{Min: time.Hour, Max: time.Hour}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- consumer.Run(ctx) }()
	return consumer, func() {
		cancel()
		require.NoError(t, <-ended)
	}
}

// A source that is busy while there is nothing to do keeps synctest.Wait from returning.
func TestIdleMemberWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bus, sender := newBus(t)
		consumer, stop := run(t, memory.NewSource(bus, "group", "users"), func(context.Context, signalcast.Event[user]) error { return nil })
		require.NoError(t, userCreated.Send(t.Context(), sender, user{Name: "ada"}))
		synctest.Wait()
		require.EqualValues(t, 1, consumer.Stats().Topics["users"].Handled)
		stop()
	})
}

func TestFurtherRunContinuesBehindWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	bus, sender := newBus(t)
	source := memory.NewSource(bus, "group", "users")
	for _, name := range []string{"ada", "grace", "edith"} {
		require.NoError(t, userCreated.Send(t.Context(), sender, user{name}))
	}
	consumer, stop := run(t, source, func(_ context.Context, e signalcast.Event[user]) error {
		if e.Data.Name == "grace" {
			return errors.New("no")
		}
		return nil
	})
	require.Eventually(t, func() bool {
		return len(consumer.Status().Retrying) == 1 && consumer.Stats().Topics["users"].Handled == 2
	},
		timeout, time.Millisecond)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, source.Wait(ended), context.Canceled)
	stop()

	var names []string
	_, stop = run(t, source, func(_ context.Context, e signalcast.Event[user]) error {
		names = append(names, e.Data.Name)
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	require.NoError(t, source.Wait(ctx))
	stop()
	require.Equal(t, []string{"grace"}, names)
}

func TestDeadLettersAreInTheBackend(t *testing.T) {
	t.Parallel()
	bus, sender := newBus(t)
	source := memory.NewSource(bus, "group", "users")
	require.NoError(t, userCreated.Send(t.Context(), sender, user{"ada"}))
	_, stop := run(t, source, func(context.Context, signalcast.Event[user]) error { return consume.ErrPermanent })
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	require.NoError(t, source.Wait(ctx))
	stop()
	letters := bus.Messages("users-group-dead")
	require.Len(t, letters, 1)
	require.Equal(t, bus.Messages("users")[0].Event.ID, letters[0].Event.ID)
}
