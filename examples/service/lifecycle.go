package main

import (
	"context"
	"errors"
	"time"
)

const (
	// stopTimeout bounds the shutdown. The orchestrator must wait for longer before it kills the process.
	stopTimeout = 20 * time.Second
	// partTimeout bounds the stop of one part, so that a part that hangs leaves time for the others.
	partTimeout = 5 * time.Second
	// drainTimeout is how long the consumer and the relay wait for work in progress. It is less than partTimeout.
	drainTimeout = 4 * time.Second
)

// lifecycle stops the parts of the service. The function that stops a part is nil until the part has started.
type lifecycle struct {
	stopHTTP, stopConsumer, stopRelay, stopWatcher func(context.Context) error
	closeDispatcher, closeTelemetry, closeDatabase func(context.Context) error

	// failed receives a value when a part ends. While the service runs, that means that the part has failed. It has a buffer of 1.
	failed chan struct{}
}

// stop stops the parts in order: first the parts that bring in work, last the parts that others need.
func (l *lifecycle) stop(ctx context.Context) error {
	var errs []error
	for _, stop := range []func(context.Context) error{
		l.stopHTTP,        // accepts no request, and waits for those in progress
		l.stopConsumer,    // reads no message, and acknowledges those in progress
		l.stopRelay,       // waits for the messages in flight; the other rows stay in the outbox
		l.stopWatcher,     // reloads nothing
		l.closeDispatcher, // waits for the messages of mode on-commit, and closes the backend
		l.closeTelemetry,  // sends the last spans
		l.closeDatabase,
	} {
		if stop != nil {
			part, cancel := context.WithTimeout(ctx, partTimeout)
			errs = append(errs, stop(part))
			cancel()
		}
	}
	return errors.Join(errs...)
}

// background calls f on a goroutine. The returned function cancels the context of f, waits for f and returns its error. A signal to the
// process does not cancel that context, because the parts would then all end at once.
func (l *lifecycle) background(f func(context.Context) error) (stop func(context.Context) error) {
	running, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- f(running)
		select {
		case l.failed <- struct{}{}: // not received while the service stops
		default:
		}
	}()
	return func(ctx context.Context) error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
