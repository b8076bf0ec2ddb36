package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/consume"
)

// reader reads one stream.
type reader struct {
	source *Source
	in     *consume.Intake
	stream string
	token  string        // the value of the lease
	feed   *consume.Feed // set while the member holds the lease
	leased *leasedReader // likewise

	failures int  // consecutive failed requests
	existed  bool // the group has existed; if it is gone, the stream was deleted

	foreign atomic.Bool // another member has pending entries, to be claimed

	last   string // the ID of the last entry that the group has read; empty means unknown
	behind bool   // the stream has an entry after last, which the group may have read too

	removedUnread int64 // removed entries that the group has not read, as the server counts them, at the last measurement
}

const (
	maxBlock       = time.Second     // the longest wait of the server for entries
	maxReleaseWait = 5 * time.Second // the longest wait for the last acknowledgements and the release of the lease
)

// run acquires the lease when it is free, and reads the stream while the member holds the lease, until ctx ends.
func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		until, ok, err := r.acquire(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.failed(ctx, err)
			continue
		case ok:
			r.lead(ctx, until)
			continue
		default:
			r.works()
		}
		pause(ctx, r.source.config.Lease/4)
	}
}

// lead reads the stream as the holder of the lease, until ctx ends or the lease is lost.
func (r *reader) lead(ctx context.Context, until time.Time) {
	notify := make(chan struct{}, 1)
	r.feed = r.in.Open(consume.FeedConfig{Topic: r.stream, Notify: notify})
	defer r.feed.Close()
	r.feed.Extend(until)
	reading, lose := context.WithCancel(ctx)
	defer lose()
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	lost := false
	a := newAcknowledger(r, notify)
	var background sync.WaitGroup
	background.Go(func() { r.renew(lasting, func() { lost = true; lose() }) })
	background.Go(func() { a.run(lasting) })
	c := r.source.config
	r.leased = &leasedReader{
		links: links{source: r.source, stream: r.stream},
		group: c.Group, member: c.Member, lease: leaseKey(r.stream, c.Group), token: r.token,
	}
	defer r.leased.close()
	r.measure(ctx) // before entries are read, since reading hides how many were removed
	background.Go(func() { r.watch(lasting) })
	r.readAll(reading, a)
	if ctx.Err() != nil {
		draining, cancel := context.WithTimeout(lasting, r.in.Grace())
		_ = r.feed.Drain(draining) // entries that are not handled stay pending in the group
		cancel()
	}
	stop()
	background.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxReleaseWait)
	defer cancel()
	defer a.close()
	_ = a.acknowledge(ending) // after an error, the next member handles the entries again
	if !lost {
		r.releaseLease(ending)
	}
}

// readAll reads entries until ctx ends. After an error, it renews the lease, so that requests of the failed connection can read no more
// entries. Then it continues with pending entries.
func (r *reader) readAll(ctx context.Context, a *acknowledger) {
	for ctx.Err() == nil {
		err := r.readBoth(ctx, a)
		for err != nil && ctx.Err() == nil {
			if isReply(err, "NOGROUP") {
				err = r.createGroup(ctx)
			}
			if err != nil && ctx.Err() == nil {
				r.failed(ctx, err)
			}
			_, err = r.extendLease(ctx)
		}
	}
}

// readBoth reads the entries that are pending in the group, and then new ones, until another member has pending entries.
func (r *reader) readBoth(ctx context.Context, a *acknowledger) error {
	err := r.readPending(ctx, a)
	for err == nil && ctx.Err() == nil && (r.leased.sent > 0 || !r.foreign.CompareAndSwap(true, false)) {
		err = r.readNew(ctx, a)
	}
	return err
}

// createGroup creates the group, and the stream if it does not exist.
func (r *reader) createGroup(ctx context.Context) error {
	c := r.source.config
	id := "0"
	switch {
	case r.existed: // the stream is new, so every entry is
	case c.Start.IsLatest():
		id = "$"
	case !c.Start.Time().IsZero():
		id = before(c.Start.Time())
	}
	err := r.source.client.XGroupCreateMkStream(ctx, r.stream, c.Group, id).Err()
	if isReply(err, "BUSYGROUP") { // another member was first
		return nil
	}
	if err != nil {
		return fmt.Errorf("redis: create group %q: %w", c.Group, err)
	}
	r.in.Logger().LogAttrs(ctx, slog.LevelInfo, "group created", slog.String("topic", r.stream), slog.String("group", c.Group))
	return nil
}

// readPending claims the pending entries of the group that the consumer does not have. They were delivered to an earlier member, or in a
// reply that was lost.
func (r *reader) readPending(ctx context.Context, a *acknowledger) error {
	s, c := r.source, r.source.config
	for start, more := "-", true; more; {
		n, err := a.room(ctx)
		if err != nil {
			return err
		}
		has := a.has() // before XPENDING, so that an entry that is acknowledged in between is not claimed
		pending, err := s.client.XPendingExt(ctx, &goredis.XPendingExtArgs{
			Stream: r.stream, Group: c.Group, Start: start, End: "+", Count: int64(n),
		}).Result()
		if err != nil {
			return fmt.Errorf("redis: read pending entries: %w", err)
		}
		more = len(pending) == n
		deliveries := map[string]int64{}
		var ids []string
		for _, p := range pending {
			start = "(" + p.ID
			if !has[p.ID] {
				ids = append(ids, p.ID)
				deliveries[p.ID] = p.RetryCount
			}
		}
		if len(ids) == 0 {
			continue
		}
		err = r.leased.claim(ctx, ids, func(messages []consume.Message) {
			for i := range messages {
				m := &messages[i]
				if n := deliveries[m.ID]; n > 0 {
					m.Deliveries = n + 1
				}
				delete(deliveries, m.ID)
			}
			r.feed.Add(messages)
		})
		if err != nil {
			return fmt.Errorf("redis: claim pending entries: %w", err)
		}
		if err := r.dropRemoved(ctx, deliveries); err != nil {
			return err
		}
	}
	r.works()
	return nil
}

// dropRemoved acknowledges pending entries that were removed from the stream, and counts them as lost. unclaimed has the entries that the
// server did not return to XCLAIM. If the stream still has such an entry, the previous holder of the lease has acknowledged it
// meanwhile.
func (r *reader) dropRemoved(ctx context.Context, unclaimed map[string]int64) error {
	if len(unclaimed) == 0 {
		return nil
	}
	looks := make(map[string]*goredis.XMessageSliceCmd, len(unclaimed))
	_, err := r.source.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for id := range unclaimed {
			looks[id] = p.XRange(ctx, r.stream, id, id)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("redis: look for unclaimed entries: %w", err)
	}
	var removed []string
	for id, look := range looks {
		if len(look.Val()) == 0 {
			removed = append(removed, id)
		}
	}
	if len(removed) == 0 {
		return nil
	}
	if err := r.source.client.XAck(ctx, r.stream, r.source.config.Group, removed...).Err(); err != nil {
		return fmt.Errorf("redis: acknowledge: %w", err)
	}
	r.lost(int64(len(removed)))
	return nil
}

// lost counts and logs entries that were removed before they were handled.
func (r *reader) lost(n int64) {
	r.feed.Lost(n)
	r.in.Logger().LogAttrs(context.Background(), slog.LevelError, "messages were removed before they were read",
		slog.String("topic", r.stream), slog.Int64("lost", n))
}

// readNew reads entries that were not delivered to any member. If the stream has no such entry, it waits for one.
func (r *reader) readNew(ctx context.Context, a *acknowledger) error {
	n := 0
	if r.leased.sent == 0 {
		var err error
		if n, err = a.room(ctx); err != nil {
			return err
		}
		n = min(n, max(1, r.in.MaxInFlight()/2)) // leave room for the next read
	}
	count, held, err := r.leased.read(ctx, n, func(messages []consume.Message) {
		r.last, r.behind = messages[len(messages)-1].ID, false
		r.feed.Add(messages)
	}, func() int {
		if r.foreign.Load() { // read pending entries next
			return 0
		}
		return a.muchRoom()
	})
	if err != nil {
		return fmt.Errorf("redis: read entries: %w", err)
	}
	if !held {
		pause(ctx, r.source.config.Lease/leaseParts) // until renew cancels ctx
		return nil
	}
	r.works()
	r.existed = true
	if count == 0 {
		return r.awaitEntry(ctx)
	}
	return nil
}

// awaitEntry waits until the stream has an entry after r.last, at most for the time of blockTime.
func (r *reader) awaitEntry(ctx context.Context) error {
	if r.last == "" || r.behind { // the group may have read entries after r.last
		c, _, err := r.source.look(ctx, r.stream)
		if err != nil {
			return fmt.Errorf("redis: read the position of the group: %w", err)
		}
		r.last, r.behind = c.last, false
	}
	found, err := r.leased.await(ctx, r.last, r.blockTime())
	if err != nil {
		return fmt.Errorf("redis: wait for entries: %w", err)
	}
	r.behind = found
	return nil
}

// blockTime returns how long the server waits for entries. The client waits longer for the reply.
func (r *reader) blockTime() time.Duration {
	return max(time.Millisecond, min(maxBlock, r.source.config.Server.ReadTimeout/2))
}

// failed reports an error, and waits before it returns. The wait grows with each consecutive error.
func (r *reader) failed(ctx context.Context, err error) {
	r.report(ctx, err)
	r.failures++
	_ = backendkit.Pause(ctx, r.failures, 0)
}

// report reports an error. In a cluster, it also makes the client read the addresses of the masters. The client alone reads them only
// once a minute while an old master does not reply.
func (r *reader) report(ctx context.Context, err error) {
	r.in.Failed(r.stream, err)
	if cluster, ok := r.source.client.(*goredis.ClusterClient); ok {
		cluster.ReloadState(ctx)
	}
}

// works reports that the server has replied.
func (r *reader) works() {
	r.in.Works(r.stream)
	r.failures = 0
}

func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// isReply reports whether err is an error reply of the server with a code, such as "NOGROUP".
func isReply(err error, code string) bool {
	reply, ok := errors.AsType[goredis.Error](err)
	return ok && strings.HasPrefix(reply.Error(), code)
}
