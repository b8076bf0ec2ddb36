package outbox

import (
	"context"
	"sync"
	"time"
)

const (
	laneBatch    = 200 // rows of one read of a lane
	maxLaneReads = 8   // reads of lanes that wait
)

// reads reads rows on a goroutine of its own, so that the relay publishes meanwhile.
type reads struct {
	*Relay

	results chan readResult
	all     chan struct{} // asks for a read of all lanes
	lanes   chan laneRead

	// Of the goroutine of the term.
	asked      bool
	lanesAsked int

	mu   sync.Mutex
	wake context.CancelFunc // ends a Wait, or nil
}

// laneRead asks for rows of one lane.
type laneRead struct {
	key   laneKey
	after int64
	epoch int
}

// readResult is the result of a read of all lanes, or of one lane.
type readResult struct {
	rows []Row
	lane *laneRead
	err  error
}

func newReads(r *Relay) *reads {
	return &reads{
		Relay: r, results: make(chan readResult, maxLaneReads+1),
		all: make(chan struct{}, 1), lanes: make(chan laneRead, maxLaneReads),
	}
}

// ask asks for the next rows of all lanes, unless they were asked for.
func (r *reads) ask() {
	if !r.asked {
		r.asked = true
		r.all <- struct{}{}
	}
}

// askLane asks for rows of a lane.
func (r *reads) askLane(l laneRead) {
	r.lanesAsked++
	r.lanes <- l
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wake != nil {
		r.wake()
	}
}

func (r *reads) run(ctx context.Context) {
	reader := r.store.NewReader()
	defer reader.Close()
	var last time.Time // of a read that found rows, but not a full batch
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-r.lanes:
			r.readLane(ctx, reader, l)
		case <-r.all:
			last = r.readAll(ctx, reader, last)
		}
	}
}

// readAll reads rows of all lanes, and waits until there are some. Meanwhile it reads lanes.
func (r *reads) readAll(ctx context.Context, reader Reader, last time.Time) time.Time {
	for failures := 0; ctx.Err() == nil; {
		r.pause(ctx, reader, time.Until(last.Add(r.config.Linger)))
		rows, err := reader.Fetch(ctx, r.config.Batch)
		switch {
		case err != nil:
			failures++
			r.report(ctx, readRows, err)
			r.pause(ctx, reader, r.backoff(failures))
		case len(rows) > 0:
			r.works(readRows)
			if len(rows) < r.config.Batch {
				last = time.Now()
			}
			r.results <- readResult{rows: rows}
			return last
		default:
			r.works(readRows)
			failures = 0
			r.waitFor(ctx, reader, r.config.Poll, reader.Wait)
		}
	}
	return last
}

// pause waits, and reads lanes meanwhile.
func (r *reads) pause(ctx context.Context, reader Reader, wait time.Duration) {
	for end := time.Now().Add(wait); ctx.Err() == nil && time.Now().Before(end); {
		r.waitFor(ctx, reader, time.Until(end), func(ctx context.Context) { <-ctx.Done() })
	}
}

// waitFor calls wait with a context that ends after a time, or when a lane is to be read. It
// then reads the lane.
func (r *reads) waitFor(ctx context.Context, reader Reader, limit time.Duration, wait func(context.Context)) {
	waiting, stop := context.WithTimeout(ctx, limit)
	defer stop()
	r.mu.Lock()
	r.wake = stop
	r.mu.Unlock()
	if len(r.lanes) == 0 {
		wait(waiting)
	}
	r.mu.Lock()
	r.wake = nil
	r.mu.Unlock()
	select {
	case l := <-r.lanes:
		r.readLane(ctx, reader, l)
	default:
	}
}

func (r *reads) readLane(ctx context.Context, reader Reader, l laneRead) {
	rows, err := reader.FetchLane(ctx, l.key.topic, l.key.number, l.after, laneBatch)
	if err != nil {
		r.report(ctx, readLaneRows, err)
	} else {
		r.works(readLaneRows)
	}
	r.results <- readResult{rows, &l, err}
}
