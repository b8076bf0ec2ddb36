package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/redis"
	"github.com/signalcast/signalcast/outbox"
)

// The names of contenders.
const (
	wokenInProcess = "woken in process"
	wokenByNotify  = "woken by NOTIFY"
	polling        = "polling each 100 ms"
)

// latency returns the contest that measures the time from the return of a commit to the acknowledgement.
func (c *outboxContests) latency(ctx context.Context, addr string, events int) (contest, error) {
	result := contest{name: outboxLatency, about: "One goroutine commits an event, waits until Redis has acknowledged it, pauses for 15 to 30 ms, and repeats. " +
		"The time is from the return of the commit to the acknowledgement: ns/event is its median, and p99 the time of the slowest hundredth."}
	r, err := newRedisContests(ctx, addr)
	if err != nil {
		return result, err
	}
	c.closers = append(c.closers, r.close)
	for i, k := range []struct {
		name           string
		events         int
		shared, notify bool
	}{{wokenInProcess, events, true, false}, {wokenByNotify, events, false, true}, {polling, events / 2, false, false}} {
		backend, err := redis.New(redis.Config{URL: "redis://" + addr})
		if err != nil {
			return result, err
		}
		c.closers = append(c.closers, backend.Close)
		name := fmt.Sprintf("latency%d", i)
		writer, err := c.newTable(ctx, name, name, k.notify)
		if err != nil {
			return result, err
		}
		reader := writer
		if !k.shared {
			if reader, err = c.newTable(ctx, name, name, k.notify); err != nil {
				return result, err
			}
		}
		result.contenders = append(result.contenders, contender{
			name: k.name, events: k.events, outside: func(ctx context.Context, n int) (sample, error) {
				return writer.delays(ctx, reader, backend, n)
			},
		}.storedIn(r, name))
	}
	return result, nil
}

// delays commits n events, one after the other, and measures the times until a relay of reader has published each.
func (t *outboxTable) delays(ctx context.Context, reader *outboxTable, b signalcast.Backend, n int) (s sample, err error) {
	delivered, leading := make(chan time.Time, 1), make(chan struct{}, 1)
	relay, err := outbox.NewRelay(reader.store, b, outbox.Config{Poll: 100 * time.Millisecond, Hooks: outbox.Hooks{
		Delivered: func(outbox.Row, signalcast.Receipt) { delivered <- time.Now() },
		Leading: func(now bool) {
			if now {
				leading <- struct{}{}
			}
		},
	}})
	if err != nil {
		return s, err
	}
	stop := start(ctx, relay.Run)
	defer func() { err = errors.Join(err, stop()) }()
	select {
	case <-leading:
	case <-ctx.Done():
		return s, ctx.Err()
	}
	times := make([]float64, n)
	for i := range times {
		select {
		case <-time.After(15*time.Millisecond + rand.N(15*time.Millisecond)): //nolint:gosec // no secret
		case <-ctx.Done():
			return s, ctx.Err()
		}
		if err := t.store.InTx(ctx, func(ctx context.Context, _ pgx.Tx) error { return t.send(ctx, i) }); err != nil {
			return s, err
		}
		committed := time.Now()
		select {
		case at := <-delivered:
			times[i] = float64(max(0, at.Sub(committed)))
		case <-ctx.Done():
			return s, ctx.Err()
		}
	}
	// The relay deletes the last row after the acknowledgement.
	err = until(ctx, func() bool { return relay.Stats().Deleted >= int64(n) })
	slices.Sort(times)
	return sample{ns: median(times), p99: times[n-1-n/100]}, err
}
