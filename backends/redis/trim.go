package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Trim reports that entries of a stream may be removed, or are being removed,
// before they were read.
type Trim struct {
	// Stream is the name of the stream.
	Stream string
	// Group is the consumer group that is behind; empty where the stream has none.
	Group string
	// Unread is how many entries were written and not delivered to the group.
	// It may be more than the stream holds.
	Unread int64
	// MaxLen is the number of entries that the stream is trimmed to.
	MaxLen int64
}

// trimWatch looks at how far the consumers of each stream are behind. It needs
// the lag of a group, which servers tell from Redis 7.0 on.
type trimWatch struct {
	maxLen int64
	report func(Trim)

	mu      sync.Mutex
	streams map[string]*watched
}

// watched is what is known of one stream.
type watched struct {
	written  int64 // since the last look
	lookedAt time.Time
	reported map[string]time.Time // by group
}

const trimInterval = time.Minute

// wrote notes that n messages were written to the stream, and says whether it is
// time to look at its consumers: every minute, and every eighth of the length.
func (w *trimWatch) wrote(stream string, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.streams[stream]
	if s == nil {
		s = &watched{reported: map[string]time.Time{}}
		w.streams[stream] = s
	}
	s.written += int64(n)
	if s.written < w.maxLen/8 && time.Since(s.lookedAt) < trimInterval {
		return false
	}
	s.written, s.lookedAt = 0, time.Now()
	return true
}

// look asks the server for the consumers of the stream and reports those that
// have not read four fifths of its length or more. A server that refuses to tell
// is no harm; any other error says that the connection does not work.
func (w *trimWatch) look(ctx context.Context, s *session, stream string) error {
	var groups []redis.XInfoGroup
	var length int64
	err := guarded(func() (err error) {
		groups, err = s.conn.XInfoGroups(ctx, stream).Result()
		if err == nil && len(groups) == 0 {
			length, err = s.conn.XLen(ctx, stream).Result()
		}
		return err //nolint:wrapcheck // only its kind matters
	})
	switch {
	case err != nil && isReply(err):
		return nil
	case err != nil:
		return err
	}
	for _, g := range groups {
		w.check(Trim{Stream: stream, Group: g.Name, Unread: g.Lag, MaxLen: w.maxLen})
	}
	if len(groups) == 0 {
		w.check(Trim{Stream: stream, Unread: length, MaxLen: w.maxLen})
	}
	return nil
}

// check reports t if it is bad and was not reported in the last minute.
func (w *trimWatch) check(t Trim) {
	if t.Unread < t.MaxLen-t.MaxLen/5 {
		return
	}
	w.mu.Lock()
	reported := w.streams[t.Stream].reported
	due := time.Since(reported[t.Group]) >= trimInterval
	if due {
		reported[t.Group] = time.Now()
	}
	w.mu.Unlock()
	if due {
		w.report(t)
	}
}
