package outbox

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// trust renews a lease, and knows until when the relay may act on it. That is less than the lease lasts,
// and counted from before the database was asked, so that clocks need not agree.
type trust struct {
	*Relay

	lease Lease
	start time.Time
	until atomic.Int64  // nanoseconds from start
	lost  chan struct{} // closed when another relay has the lease, or the trust has ended
}

func newTrust(r *Relay, l Lease, asked time.Time) *trust {
	t := &trust{Relay: r, lease: l, start: asked, lost: make(chan struct{})}
	t.extend(asked)
	return t
}

func (t *trust) extend(asked time.Time) {
	t.until.Store(int64(asked.Sub(t.start) + t.config.Lease*3/4))
}

func (t *trust) valid() bool {
	select {
	case <-t.lost:
		return false
	default:
		return int64(time.Since(t.start)) < t.until.Load()
	}
}

// keep renews the lease until ctx ends or the lease is lost.
func (t *trust) keep(ctx context.Context) {
	defer close(t.lost)
	for t.valid() && t.sleep(ctx, t.config.Lease/5) {
		asked := time.Now()
		limit, cancel := context.WithTimeout(ctx, t.config.Lease/2)
		l, err := t.store.Acquire(limit, t.config.Holder, t.config.Lease)
		cancel()
		switch {
		case errors.Is(err, ErrLeaseLost), err == nil && l.Token != t.lease.Token:
			return
		case err != nil:
			t.report(ctx, renewLease, err)
		default:
			t.works(renewLease)
			t.extend(asked)
		}
	}
}
