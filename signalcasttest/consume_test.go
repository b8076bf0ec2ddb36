package signalcasttest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/signalcasttest"
)

// receiving returns the registry of a service that receives enrollments.
func receiving(t *testing.T, receive func(course string) error) *signalcast.Registry {
	t.Helper()
	registry := signalcast.NewRegistry()
	require.NoError(t, registry.Register(enrolled))
	_, err := enrolled.Connect(registry, func(_ context.Context, e signalcast.Event[enrollment]) error {
		return receive(e.Data.Course)
	})
	require.NoError(t, err)
	return registry
}

// One service publishes, and another one receives.
func TestServiceReceivesWhatAnotherPublishes(t *testing.T) {
	t.Parallel()
	var courses []string
	receivers := receiving(t, func(course string) error { courses = append(courses, course); return nil })
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)

	_, err := enrolled.SendAsync(t.Context(), bus.Registry, enrollment{Course: "a"})
	require.NoError(t, err)
	require.Equal(t, 1, bus.Consume(t, receivers, consume.Config{}))
	require.Equal(t, []string{"a"}, courses)

	for _, course := range []string{"b", "c"} {
		require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{Course: course}))
	}
	require.Equal(t, 2, bus.Consume(t, receivers, consume.Config{}, "enrollments"), "only new events")
	require.Equal(t, []string{"a", "b", "c"}, courses)
	require.Zero(t, bus.Consume(t, receivers, consume.Config{}))
	require.Equal(t, 3, bus.Consume(t, receiving(t, func(string) error { return nil }), consume.Config{}), "another service")
}

func TestConsumeRetries(t *testing.T) {
	t.Parallel()
	calls := 0
	receivers := receiving(t, func(string) error {
		if calls++; calls < 3 {
			return errors.New("busy")
		}
		return nil
	})
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
	require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{}))
	require.Equal(t, 1, bus.Consume(t, receivers, consume.Config{}))
	require.Equal(t, 3, calls)
}

func TestConsumeFailsForMessagesThatCannotBeHandled(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action consume.Action
		err    error
		want   string // in the failure of the test; empty means that it passes
	}{
		{consume.DeadLetter, errors.New("seats are gone"), "message enrollments/1: "},
		{consume.Drop, errors.New("seats are gone"), "seats are gone"},
		{consume.Stop, errors.New("seats are gone"), "cannot be handled"},
		{consume.DeadLetter, consume.ErrPermanent, ""},
		{consume.Drop, fmt.Errorf("seats are gone: %w", consume.ErrPermanent), ""},
	} {
		bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
		require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{}))
		hooked := 0
		hooks := consume.Hooks{
			Dropped:      func(*consume.Message, error) { hooked++ },
			DeadLettered: func(*consume.Message, string, error) { hooked++ },
		}
		failure := failureOf(t, func(tb testing.TB) {
			require.Zero(t, bus.Consume(tb, receiving(t, func(string) error { return c.err }), consume.Config{OnFailure: c.action, Hooks: hooks}))
		})
		if c.want == "" {
			require.Empty(t, failure)
		} else {
			require.Contains(t, failure, c.want)
		}
		require.Equal(t, c.action != consume.Stop, hooked == 1)
		require.Equal(t, c.action == consume.DeadLetter, len(bus.Backend.Messages("enrollments-test-dead")) == 1)
	}
}

func TestConsumeNamesTheMessageThatItWaitsFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
		require.NoError(t, enrolled.Send(t.Context(), bus.Registry, enrollment{}))
		receivers := receiving(t, func(string) error { return errors.New("seats are gone") })
		retry := consume.Retry{Min: time.Hour, Max: time.Hour}
		failure := failureOf(t, func(tb testing.TB) { bus.Consume(tb, receivers, consume.Config{Retry: retry}) })
		require.Contains(t, failure, "waited with 1 messages unacknowledged")
		require.Contains(t, failure, "seats are gone")
	})
}

func TestConsumeRejectsAnInvalidConfig(t *testing.T) {
	t.Parallel()
	bus := signalcasttest.New(t, config("enrollments", "course", true), enrolled)
	require.Contains(t, failureOf(t, func(tb testing.TB) {
		bus.Consume(tb, bus.Registry, consume.Config{MaxInFlight: -1})
	}), "MaxInFlight")
}
