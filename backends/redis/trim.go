package redis

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Trim reports that trimming removes, or is about to remove, entries that were not read.
type Trim struct {
	// Stream is the name of the stream.
	Stream string
	// Group is the consumer group that is behind. It is empty if the stream has no group.
	Group string
	// Unread is the number of entries that were not delivered to the group. It may exceed
	// the length of the stream.
	Unread int64
	// MaxLen is the number of entries that the stream is trimmed to.
	MaxLen int64
}

// trimWatch checks how far the consumer groups of each stream are behind. It needs the lag of a
// group, which Redis reports since 7.0.
type trimWatch struct {
	maxLen int64
	report func(Trim)

	mu      sync.Mutex
	streams map[string]*watched
}

// watched is the state of one stream.
type watched struct {
	written  int64 // since the last check
	checked  time.Time
	reported map[string]time.Time // by group
}

const trimInterval = time.Minute

// wrote counts n messages that were written to the stream. It reports whether a check is due:
// every minute, and every eighth of the length.
func (w *trimWatch) wrote(stream string, n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.streams[stream]
	if s == nil {
		s = &watched{reported: map[string]time.Time{}}
		w.streams[stream] = s
	}
	s.written += int64(n)
	if s.written < w.maxLen/8 && time.Since(s.checked) < trimInterval {
		return false
	}
	s.written, s.checked = 0, time.Now()
	return true
}

// look asks the server for the consumer groups of the stream and reports those that have not
// read at least four fifths of its length. An error reply is ignored. Any other error means that
// the connection is broken.
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

// check reports t if it is due and was not reported in the last minute.
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
