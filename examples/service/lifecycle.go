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

// lifecycle knows how the parts of the service stop. The function of a part is nil until the part has started.
type lifecycle struct {
	stopHTTP, stopConsumer, stopRelay, stopWatcher func(context.Context) error
	closeDispatcher, closeTelemetry, closeDatabase func(context.Context) error

	// failed receives a value when a part has ended without being stopped. It has a buffer of 1.
	failed chan struct{}
}

// stop stops the parts in order: first those that bring in work, last those that the others need.
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

// background calls f on a goroutine. The returned function ends the context of f, and returns the error of f. That context does
// not end with a signal to the process, so that stop decides the order.
func (l *lifecycle) background(f func(context.Context) error) (stop func(context.Context) error) {
	running, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- f(running)
		select {
		case l.failed <- struct{}{}: // without effect while the service stops
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
