package kafkabus

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = time.Second
)

// Backoff returns how long to wait before the next attempt, after so many
// attempts beyond the first: longer each time, up to a second.
func Backoff(repeats int) time.Duration {
	d := min(maxBackoff, firstBackoff<<min(max(repeats, 0), 10))
	return d/2 + rand.N(d/2) //nolint:gosec // jitter, not a secret
}

// Pause waits for Backoff(repeats), or returns ctx's error when that ends first.
func Pause(ctx context.Context, repeats int) error {
	timer := time.NewTimer(Backoff(repeats))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // says only that it ended
	}
}
