package redis

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// renewal extends the lease, and release ends it, if the member still holds it.
const (
	renewal = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end return 0`
	release = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`
)

// readLeased reads entries that no member got before, if the member still holds the lease. The check and the read are one step of
// the server. Otherwise a member that was stopped between them could get entries after another member has taken over, which
// would handle later entries first.
//
//nolint:gochecknoglobals // immutable
var readLeased = goredis.NewScript(`if redis.call('get', KEYS[1]) ~= ARGV[1] then return redis.error_reply('NOLEASE another member has the lease') end
return redis.call('xreadgroup', 'GROUP', ARGV[2], ARGV[3], 'COUNT', ARGV[4], 'STREAMS', KEYS[2], '>')`)

// leaseKey returns the key of the lease of a stream. In a cluster it is on the same node as the stream.
func leaseKey(stream, group string) string {
	if _, tag, ok := strings.Cut(stream, "{"); ok && strings.Index(tag, "}") > 0 { // the cluster hashes the text in these braces
		return "signalcast-lease:" + stream + ":" + group
	}
	return "signalcast-lease:{" + stream + "}:" + group
}

// margin is the part of a lease that is left when the member stops beginning to handle messages, for clocks that differ in
// speed.
const margin = 8

// acquire takes the lease, and returns the time until which the member may begin to handle messages. ok is false if another member has it.
func (r *reader) acquire(ctx context.Context) (until time.Time, ok bool, err error) {
	s := r.source
	sent := time.Now()
	err = s.client.SetArgs(ctx, leaseKey(r.stream, s.config.Group), r.token, goredis.SetArgs{Mode: "NX", TTL: s.config.Lease}).Err()
	switch {
	case errors.Is(err, goredis.Nil):
		return time.Time{}, false, nil
	case err != nil:
		return time.Time{}, false, fmt.Errorf("redis: take the lease: %w", err)
	}
	return r.until(sent), true, nil
}

func (r *reader) until(sent time.Time) time.Time {
	lease := r.source.config.Lease
	return sent.Add(lease - lease/margin)
}

// renew renews the lease until ctx ends or the lease is lost. Then it calls lost.
func (r *reader) renew(ctx context.Context, lost func()) {
	s := r.source
	ticks := time.NewTicker(s.config.Lease / margin)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		sent := time.Now()
		held, err := s.client.Eval(ctx, renewal, []string{leaseKey(r.stream, s.config.Group)}, r.token, s.config.Lease.Milliseconds()).Int()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // the consumer pauses when the lease ends
			r.report(ctx, fmt.Errorf("redis: renew the lease: %w", err))
		case held == 0:
			lost()
			return
		default:
			r.feed.Extend(r.until(sent))
		}
	}
}

// letGo releases the lease.
func (r *reader) letGo(ctx context.Context) {
	s := r.source
	_ = s.client.Eval(ctx, release, []string{leaseKey(r.stream, s.config.Group)}, r.token).Err() // it expires otherwise
}
