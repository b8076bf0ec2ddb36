package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/signalcast/signalcast/consume"
)

var errNoGroup = errors.New("redis: found no group; want the name of one")

// Lag returns how far the group is behind. See [consume.Operator]. Behind is unknown before Redis 7, unless the group has read every
// entry or none, and if the number of the server is larger than the stream, as after a restart of Redis 7.0.
func (s *Source) Lag(ctx context.Context) ([]consume.Lag, error) {
	var list []consume.Lag
	for _, stream := range s.config.Topics {
		l := consume.Lag{Topic: stream, Behind: -1}
		newest, err := s.client.XRevRangeN(ctx, stream, "+", "-", 1).Result()
		if err == nil && s.config.Group != "" {
			err = s.lag(ctx, &l)
		}
		if err != nil {
			return nil, fmt.Errorf("redis: topic %q: %w", stream, err)
		}
		if len(newest) > 0 {
			l.Newest = &consume.Position{ID: newest[0].ID}
		}
		list = append(list, l)
	}
	return list, nil
}

// lag sets what concerns the group.
func (s *Source) lag(ctx context.Context, l *consume.Lag) error {
	c, ok, err := s.look(ctx, l.Topic)
	if err != nil && !isReply(err, "ERR no such key") {
		return err
	}
	if ok {
		if c.lag >= 0 {
			l.Behind = c.lag + c.pending
		}
		if l.Oldest, err = s.oldest(ctx, l.Topic, c); err != nil {
			return err
		}
	}
	held, err := s.client.Exists(ctx, leaseKey(l.Topic, s.config.Group)).Result()
	l.Members = int(held)
	return err //nolint:wrapcheck // the caller wraps it
}

// oldest returns the time of the oldest entry that is pending or not read.
func (s *Source) oldest(ctx context.Context, stream string, c counts) (time.Time, error) {
	if c.pending > 0 {
		pending, err := s.client.XPending(ctx, stream, s.config.Group).Result()
		if err != nil {
			return time.Time{}, err //nolint:wrapcheck // the caller wraps it
		}
		return idTime(pending.Lower), nil
	}
	next, err := s.client.XRangeN(ctx, stream, "("+c.last, "+", 1).Result()
	if err != nil || len(next) == 0 {
		return time.Time{}, err //nolint:wrapcheck // the caller wraps it
	}
	return idTime(next[0].ID), nil
}

// Replay moves the group back or forward to a time. See [consume.Operator]. Entries that are pending are handled as
// well.
func (s *Source) Replay(ctx context.Context, since time.Time, apply bool) ([]consume.Move, error) {
	if s.config.Group == "" {
		return nil, errNoGroup
	}
	var list []consume.Move
	reads := map[string]int64{} // entries that the group has read at its new place; -1 means unknown
	for _, stream := range s.config.Topics {
		held, err := s.client.Exists(ctx, leaseKey(stream, s.config.Group)).Result()
		if err != nil {
			return nil, fmt.Errorf("redis: topic %q: %w", stream, err)
		}
		if held > 0 {
			return nil, fmt.Errorf("redis: topic %q: found a member of group %q that is reading; want none, so stop the consumers first",
				stream, s.config.Group)
		}
		c, ok, err := s.look(ctx, stream)
		if err == nil && !ok {
			err = fmt.Errorf("found no group %q; want one that has read the stream", s.config.Group)
		}
		if err != nil {
			return nil, fmt.Errorf("redis: topic %q: %w", stream, err)
		}
		to := before(since)
		back, err := s.between(ctx, stream, to, c.last)
		if err != nil {
			return nil, fmt.Errorf("redis: topic %q: %w", stream, err)
		}
		forward, err := s.between(ctx, stream, c.last, to)
		if err != nil {
			return nil, fmt.Errorf("redis: topic %q: %w", stream, err)
		}
		list = append(list, consume.Move{Topic: stream, From: c.last, To: to, Messages: back + forward})
		if reads[stream] = -1; c.read >= 0 && c.lag >= 0 {
			reads[stream] = c.read - back + forward
		}
	}
	if !apply {
		return list, nil
	}
	for _, move := range list {
		arguments := []any{"XGROUP", "SETID", move.Topic, s.config.Group, move.To}
		if n := reads[move.Topic]; n >= 0 { // otherwise the server does not know how far the group is behind
			arguments = append(arguments, "ENTRIESREAD", n)
		}
		command := goredis.NewStatusCmd(ctx, arguments...)
		command.SetFirstKeyPos(2) // for a cluster
		if err := s.client.Process(ctx, command); err != nil {
			return nil, fmt.Errorf("redis: topic %q: %w", move.Topic, err)
		}
	}
	return list, nil
}

// between returns the number of entries after one ID, up to and with another. It is 0 if the other is the smaller one.
func (s *Source) between(ctx context.Context, stream, after, to string) (n int64, err error) {
	const page = 10_000
	for {
		entries, err := s.client.XRangeN(ctx, stream, "("+after, to, page).Result()
		if err != nil {
			return 0, err //nolint:wrapcheck // the caller wraps it
		}
		if n += int64(len(entries)); len(entries) < page {
			return n, nil
		}
		after = entries[len(entries)-1].ID
	}
}
