package outbox

import (
	"context"
	"log/slog"
	"sync"
)

// The operations of a store, as the log names them.
const (
	checkTables  = "check the tables"
	takeLease    = "take the lease"
	renewLease   = "renew the lease"
	releaseLease = "release the lease"
	readRows     = "read rows"
	readLaneRows = "read rows of a lane"
	writeRows    = "write outcomes"
)

// faults are the operations of the store that failed when they were last tried. The log gets the first fault, and the end
// of the last one.
type faults struct {
	mu      sync.Mutex
	failing map[string]struct{}
}

// report counts an error of the store, and logs it unless an operation failed before. An error after the end of ctx is not
// one of the store.
func (r *Relay) report(ctx context.Context, operation string, err error) {
	if ctx.Err() != nil {
		return
	}
	r.counters.databaseErrors.Add(1)
	f := &r.faults
	f.mu.Lock()
	first := len(f.failing) == 0
	if f.failing == nil {
		f.failing = map[string]struct{}{}
	}
	f.failing[operation] = struct{}{}
	f.mu.Unlock()
	if first {
		r.log.LogAttrs(ctx, slog.LevelWarn, "outbox fails, retrying", slog.String("operation", operation), slog.Any("error", err))
	}
}

// works notes that operations succeeded.
func (r *Relay) works(operations ...string) {
	f := &r.faults
	f.mu.Lock()
	before := len(f.failing)
	for _, operation := range operations {
		delete(f.failing, operation)
	}
	last := before > 0 && len(f.failing) == 0
	f.mu.Unlock()
	if last {
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "outbox works again")
	}
}
