package redis

import (
	"context"
	"fmt"
	"strconv"

	"github.com/signalcast/signalcast/consume"
)

// readAlone reads a stream without a group until ctx ends.
func (r *reader) readAlone(ctx context.Context) {
	notify := make(chan struct{}, 1)
	r.feed = r.in.Open(consume.FeedConfig{Topic: r.stream, Notify: notify})
	defer r.feed.Close()
	a := newAcknowledger(r, notify)
	open := &links{source: r.source, stream: r.stream}
	defer open.close()
	acknowledging, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		a.run(acknowledging)
	}()
	last := ""
	for ctx.Err() == nil {
		var err error
		if last == "" {
			last, err = r.first(ctx)
		} else {
			last, err = r.readAfter(ctx, a, open, last)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			r.failed(ctx, err)
		default:
			r.works()
		}
	}
	stop()
	<-ended
	draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.in.Grace())
	defer cancel()
	_ = r.feed.Drain(draining)
}

// first returns the ID after which reading starts.
func (r *reader) first(ctx context.Context) (string, error) {
	start := r.source.config.Start
	switch {
	case start.IsEarliest():
		return "0", nil
	case !start.Time().IsZero():
		return before(start.Time()), nil
	}
	newest, err := r.source.client.XRevRangeN(ctx, r.stream, "+", "-", 1).Result()
	if err != nil {
		return "", fmt.Errorf("redis: read the newest entry: %w", err)
	}
	if len(newest) == 0 {
		return "0", nil
	}
	return newest[0].ID, nil
}

// readAfter waits for entries after one, reads them, and returns the ID of the last one.
func (r *reader) readAfter(ctx context.Context, a *acknowledger, open *links, last string) (string, error) {
	n, err := a.room(ctx)
	if err != nil {
		return last, err
	}
	err = open.with(ctx, func(l *link) error {
		l.addAsking()
		l.command("XREAD", "COUNT", strconv.Itoa(n), "BLOCK", milliseconds(r.blockTime()), "STREAMS", r.stream, last)
		if err := l.flush(); err != nil {
			return err
		}
		if err := l.readAsking(); err != nil {
			return err
		}
		_, err := l.readStream(r.stream, n, func(messages []consume.Message) {
			last = messages[len(messages)-1].ID
			r.feed.Add(messages)
		})
		return err
	})
	if err != nil {
		return last, fmt.Errorf("redis: read entries: %w", err)
	}
	return last, nil
}
