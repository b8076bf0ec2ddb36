package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPartsStopInOrder(t *testing.T) {
	t.Parallel()
	var stopped []string
	part := func(name string) func(context.Context) error {
		return func(context.Context) error { stopped = append(stopped, name); return errors.New(name) }
	}
	l := lifecycle{
		closeDatabase: part("database"), closeTelemetry: part("telemetry"), closeDispatcher: part("dispatcher"),
		stopRelay: part("relay"), stopConsumer: part("consumer"), stopHTTP: part("HTTP"),
	}
	require.EqualError(t, l.stop(t.Context()), "HTTP\nconsumer\nrelay\ndispatcher\ntelemetry\ndatabase")
	require.Equal(t, []string{"HTTP", "consumer", "relay", "dispatcher", "telemetry", "database"}, stopped)
}

func TestFailedPartEndsTheService(t *testing.T) {
	t.Parallel()
	l := lifecycle{failed: make(chan struct{}, 1)}
	failure := errors.New("the table is missing")
	stop := l.background(func(context.Context) error { return failure })
	<-l.failed
	require.ErrorIs(t, stop(t.Context()), failure)
}
