package backendkit

import (
	"context"
	"math/rand/v2"
	"time"
)

// The first pause and the longest one.
const (
	firstBackoff = 20 * time.Millisecond
	maxBackoff   = time.Second
)

// Backoff returns the pause before the next attempt after the given number of failed
// ones in a row. It doubles with each failure, from 20 ms to 1 s, and is shortened at random
// by up to half, so that many clients do not retry at the same moment. 0 and 1 give the
// shortest pause.
func Backoff(failures int) time.Duration {
	d := min(maxBackoff, firstBackoff<<min(max(failures-1, 0), 10))
	return d/2 + rand.N(d/2) //nolint:gosec // jitter, not a secret
}

// Pause waits for Backoff(failures), at most for limit if it is positive. It returns ctx.Err() if ctx
// ends first.
func Pause(ctx context.Context, failures int, limit time.Duration) error {
	d := Backoff(failures)
	if limit > 0 {
		d = min(d, limit)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err() //nolint:wrapcheck // the caller's own error
	}
}
