package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// renewScript extends the lease, and releaseScript deletes it, if the member still holds it.
const (
	renewScript   = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`
	releaseScript = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`
)

// leaseKey returns the key of the lease of a stream. Both keys have the same hash tag, so they are on the same node of a cluster.
func leaseKey(stream, group string) string {
	if _, tag, ok := strings.Cut(stream, "{"); ok && strings.Index(tag, "}") > 0 { // a hash tag
		return "signalcast-lease:" + stream + ":" + group
	}
	return "signalcast-lease:{" + stream + "}:" + group
}

// leaseParts is the number of parts of a lease. The member renews the lease after each part. It begins no message in the last part,
// because the clocks of members may run at different speeds.
const leaseParts = 8

// acquire acquires the lease, and returns the time until which the member may begin messages. ok is false if another member holds the
// lease.
func (r *reader) acquire(ctx context.Context) (until time.Time, ok bool, err error) {
	s := r.source
	sent := time.Now()
	err = s.client.SetArgs(ctx, leaseKey(r.stream, s.config.Group), r.token, goredis.SetArgs{Mode: "NX", TTL: s.config.Lease}).Err()
	switch {
	case errors.Is(err, goredis.Nil):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("redis: acquire the lease: %w", err)
	}
	return r.until(sent), true, nil
}

// until returns the time until which the member may begin messages, if it acquired or renewed the lease with a request sent at a given
// time.
func (r *reader) until(sent time.Time) time.Time {
	lease := r.source.config.Lease
	return sent.Add(lease - lease/leaseParts)
}

// renew renews the lease until ctx ends. If another member holds the lease, it calls lost and returns.
func (r *reader) renew(ctx context.Context, lost func()) {
	ticks := time.NewTicker(r.source.config.Lease / leaseParts)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		held, err := r.extendLease(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // the consumer begins no message when the lease ends
			r.report(ctx, err)
		case !held:
			lost()
			return
		}
	}
}

// extendLease renews the lease once. held is false if another member holds it. A renewal changes the key, so the server then rejects
// every read that was prepared before. So a late request of a failed connection reads nothing.
func (r *reader) extendLease(ctx context.Context) (held bool, err error) {
	s := r.source
	sent := time.Now()
	n, err := s.client.Eval(ctx, renewScript, []string{leaseKey(r.stream, s.config.Group)}, r.token, s.config.Lease.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("redis: renew the lease: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	r.feed.Extend(r.until(sent))
	return true, nil
}

// releaseLease deletes the lease, if the member holds it.
func (r *reader) releaseLease(ctx context.Context) {
	s := r.source
	_ = s.client.Eval(ctx, releaseScript, []string{leaseKey(r.stream, s.config.Group)}, r.token).Err() // after an error, the lease expires
}
