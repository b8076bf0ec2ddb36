package backendkit

import (
	"context"

	"github.com/signalcast/signalcast/internal/closing"
)

// CloseOnce runs the Close of a backend once. The zero value is ready for use. It is safe
// for concurrent use.
type CloseOnce struct{ once closing.Once }

// Do runs f in the first call and returns its error. Every other call waits for the
// first and returns the same error, or returns an error that wraps ctx.Err() if ctx ends first.
func (o *CloseOnce) Do(ctx context.Context, f func() error) error {
	return o.once.Do(ctx, f)
}
