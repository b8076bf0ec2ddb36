package kafkabus

import (
	"context"
	"log/slog"
	"time"
)

// checkPause is the shortest time between two requests of checkSchemas.
const checkPause = 100 * time.Millisecond

// checkSchemas asks the registry at intervals whether it still knows the schemas in use. A schema
// that was deleted for good makes later records unreadable, so that the next message registers
// it again.
func (b *Bus) checkSchemas(interval time.Duration) {
	for b.sleep(interval) {
		for _, known := range b.registry.registered() {
			if !b.sleep(min(checkPause, interval)) {
				return
			}
			if !b.registry.missing(b.stopped, known) {
				continue
			}
			b.registry.forget(known)
			b.Logger().LogAttrs(context.Background(), slog.LevelWarn, "schema is missing in the registry, registering it again",
				slog.String("subject", known.subject))
		}
	}
}

// sleep waits, and returns false when the bus is closed.
func (b *Bus) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.stopped.Done():
		return false
	}
}
