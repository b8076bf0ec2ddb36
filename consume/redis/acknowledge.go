package redis

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/consume"
	"github.com/signalcast/signalcast/internal/resp"
)

// acknowledger acknowledges the handled entries of a stream.
type acknowledger struct {
	links

	reader *reader
	notify chan struct{} // of the feed
	freed  chan struct{} // the feed may have room

	mu       sync.Mutex
	handled  []consume.Position // to acknowledge
	messages int                // that handled stands for
}

func newAcknowledger(r *reader, notify chan struct{}) *acknowledger {
	return &acknowledger{
		links: links{source: r.source, stream: r.stream}, reader: r, notify: notify, freed: make(chan struct{}, 1),
	}
}

// run acknowledges entries until ctx ends.
func (a *acknowledger) run(ctx context.Context) {
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.notify:
		}
		for {
			err := a.acknowledge(ctx)
			if err == nil {
				failures = 0
				break
			}
			if ctx.Err() != nil {
				return
			}
			a.reader.report(ctx, err)
			failures++
			if backendkit.Pause(ctx, failures, 0) != nil {
				return
			}
		}
		select {
		case a.freed <- struct{}{}:
		default:
		}
	}
}

// acknowledge acknowledges the entries that are handled.
func (a *acknowledger) acknowledge(ctx context.Context) error {
	r := a.reader
	a.mu.Lock()
	taken, n := r.feed.Take(a.handled)
	a.handled, a.messages = taken, a.messages+n
	count := a.messages
	a.mu.Unlock() // only this goroutine removes what is in taken
	if len(taken) == 0 {
		return nil
	}
	if r.source.config.Group != "" {
		if err := a.send(ctx, taken); err != nil {
			return fmt.Errorf("redis: acknowledge: %w", err)
		}
	}
	a.mu.Lock()
	a.handled = append(a.handled[:0], a.handled[len(taken):]...) // has may have appended
	a.messages -= count
	a.mu.Unlock()
	r.feed.Acknowledged(count)
	return nil
}

// send sends an acknowledgement.
func (a *acknowledger) send(ctx context.Context, list []consume.Position) error {
	return a.with(ctx, func(l *link) error {
		l.addAsking()
		l.begin(3 + len(list))
		l.out = resp.AppendBulk(l.out, "XACK")
		l.out = resp.AppendBulk(l.out, a.stream)
		l.out = resp.AppendBulk(l.out, a.source.config.Group)
		for i := range list {
			l.out = resp.AppendBulk(l.out, list[i].ID)
		}
		if err := l.flush(); err != nil {
			return err
		}
		if err := l.readAsking(); err != nil {
			return err
		}
		_, err := l.in.Int()
		return err
	})
}

// has returns the IDs of the entries that the consumer has, and of those that are handled and not acknowledged.
func (a *acknowledger) has() map[string]bool {
	ids := a.reader.feed.InFlight()
	a.mu.Lock()
	defer a.mu.Unlock()
	taken, n := a.reader.feed.Take(a.handled)
	a.handled, a.messages = taken, a.messages+n
	for _, p := range a.handled {
		ids[p.ID] = true
	}
	return ids
}

// fullWait is how long the reader waits for much room before it accepts little. Then many messages wait for their next
// attempt.
const fullWait = 50 * time.Millisecond

// room returns how many entries may be read. It waits until a quarter of the room is free, so that reads are few, but not for
// long.
func (a *acknowledger) room(ctx context.Context) (int, error) {
	r := a.reader
	timer := time.NewTimer(fullWait)
	defer timer.Stop()
	for late := false; ; {
		if n := r.feed.Room(); n > 0 && (late || n >= r.in.MaxInFlight()/4) {
			return min(n, r.source.config.ReadEntries), nil
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err() //nolint:wrapcheck // the caller ends
		case <-timer.C:
			late = true
		case <-a.freed:
		}
	}
}

// muchRoom returns how many entries may be read now. It is 0 if little room is free.
func (a *acknowledger) muchRoom() int {
	r := a.reader
	n := r.feed.Room()
	if n < max(1, r.in.MaxInFlight()/4) {
		return 0
	}
	return min(n, r.source.config.ReadEntries)
}
