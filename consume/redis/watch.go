package redis

import (
	"context"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast/internal/resp"
)

// watchEach is the time between two measurements of the lag of the group.
const watchEach = time.Second

// counts are what Redis 7 knows about a stream and a group.
type counts struct {
	lag     int64 // entries of the stream that the group has not read; -1 means unknown
	pending int64
	read    int64 // entries that the group has read; -1 means unknown
	removed int64 // entries that were removed from the stream
	last    string
	// overtaken reports whether the first entry is behind last, so that entries may have been removed before the group has read them.
	overtaken bool
}

// look returns the counts of the group. ok is false if the group does not exist.
func (s *Source) look(ctx context.Context, stream string) (c counts, ok bool, err error) {
	var groups *goredis.XInfoGroupsCmd
	var info *goredis.XInfoStreamCmd
	_, err = s.client.Pipelined(ctx, func(p goredis.Pipeliner) error { // so that both are of the same moment, nearly
		groups, info = p.XInfoGroups(ctx, stream), p.XInfoStream(ctx, stream)
		return nil
	})
	if err != nil {
		return c, false, err
	}
	for _, g := range groups.Val() {
		if g.Name == s.config.Group {
			return countsOf(&g, info.Val()), true, nil
		}
	}
	return c, false, nil
}

// countsOf corrects the numbers of the server. After a restart, Redis 7.0 may have an old number of the entries that the group has read,
// and calculates the lag from it.
func countsOf(g *goredis.XInfoGroup, info *goredis.XInfoStream) counts {
	c := counts{lag: g.Lag, pending: g.Pending, read: g.EntriesRead, last: g.LastDeliveredID, removed: info.EntriesAdded - info.Length}
	if c.read == 0 && c.last != "0-0" { // null, as after a restart: the client returns 0
		c.read = -1
	}
	first := info.FirstEntry.ID
	if info.Length == 0 {
		first = info.LastGeneratedID
	}
	c.overtaken = resp.CompareIDs(c.last, first) < 0
	if info.EntriesAdded == 0 && info.Length > 0 { // Redis 6.2 does not count
		c.lag, c.read, c.removed = -1, -1, 0
	}
	switch {
	case c.overtaken: // the group has read no entry of the stream
		c.lag = info.Length
	case resp.CompareIDs(c.last, info.LastGeneratedID) >= 0: // the group has read every entry
		c.lag = 0
	case c.lag >= info.Length: // impossible, since the group has read the first entry
		c.lag = -1
	}
	return c
}

// watch tells the consumer how far the group is behind, until ctx ends.
func (r *reader) watch(ctx context.Context) {
	ticks := time.NewTicker(watchEach)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			r.measure(ctx)
			r.lookForForeign(ctx)
		}
	}
}

// lookForForeign makes the reader read pending entries again if another member has some, such as a program that does not respect
// the lease.
func (r *reader) lookForForeign(ctx context.Context) {
	c := r.source.config
	pending, err := r.source.client.XPending(ctx, r.stream, c.Group).Result()
	if err != nil {
		return // the reader reports errors
	}
	for member := range pending.Consumers {
		if member != c.Member {
			r.foreign.Store(true)
		}
	}
}

// measure sets the backlog of the feed, and counts entries that were removed before they were read. The numbers of the server are not
// enough for that: one that has restarted may have an old number of entries that the group has read.
func (r *reader) measure(ctx context.Context) {
	c, ok, err := r.source.look(ctx, r.stream)
	if !ok || err != nil {
		return // the reader reports errors
	}
	r.feed.SetBacklog(c.lag)
	if c.read < 0 {
		return
	}
	unread := max(0, c.removed-c.read)
	if c.overtaken && unread > r.removedUnread {
		r.lost(unread - r.removedUnread)
	}
	r.removedUnread = unread
}
