// Package closing lets a Close run once, however often it is called.
package closing

import (
	"context"
	"fmt"
	"sync"
)

// Once runs one Close. The zero value is ready for use. It is safe for concurrent use.
type Once struct {
	mu   sync.Mutex
	done chan struct{} // made by the first call, closed when it has ended
	err  error
}

// Do runs f in the first call and returns what f does. Every other call waits
// for the first one and returns the same, or waits until its own ctx ends. What
// has ended already is not undone by a context that has ended too.
func (o *Once) Do(ctx context.Context, f func() error) error {
	o.mu.Lock()
	first := o.done == nil
	if first {
		o.done = make(chan struct{})
	}
	o.mu.Unlock()
	if first {
		defer close(o.done)
		o.err = f()
		return o.err
	}
	select {
	case <-o.done:
		return o.err
	default:
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the first Close: %w", ctx.Err())
	}
}
