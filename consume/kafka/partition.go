package kafka

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/signalcast/signalcast"
	"github.com/signalcast/signalcast/backends/backendkit"
	"github.com/signalcast/signalcast/consume"
)

// partition is a partition that the source reads at present.
type partition struct {
	reader *reader
	place  place
	feed   *consume.Feed

	ctx    context.Context //nolint:containedctx // the life of the partition
	cancel context.CancelFunc
	paused atomic.Bool

	failing atomic.Bool // the last commit

	mu      sync.Mutex // guards what follows, and calls of feed.Add
	waiting []*kgo.Record
	next    int64 // the offset after the last record read; -1 before the first one

	// What follows is guarded by reader.committing.

	offset  int64 // to commit, or -1
	handled int   // messages that the offset stands for
	since   time.Time
}

func (r *reader) newPartition(at place) *partition {
	p := &partition{reader: r, place: at, next: -1, offset: -1}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.feed = r.in.Open(consume.FeedConfig{Topic: at.topic, Partition: at.partition, Ordered: true, Notify: r.notify})
	return p
}

func (p *partition) close() {
	p.cancel()
	p.feed.Close()
}

// read takes the records of a fetch.
func (p *partition) read(f *kgo.FetchPartition) {
	r := p.reader
	last := f.Records[len(f.Records)-1].Offset
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next < 0 {
		p.next = r.committed(p.place)
	}
	if p.next >= 0 && f.LogStartOffset > p.next {
		p.feed.Lost(f.LogStartOffset - p.next)
		r.logGap(p.place, f.LogStartOffset-p.next)
	}
	p.next = last + 1
	p.feed.SetBacklog(max(0, f.HighWatermark-last-1))
	if len(p.waiting) > 0 { // they were fetched before the pause took effect
		p.waiting = append(p.waiting, f.Records...)
		return
	}
	p.add(f.Records)
}

// add gives records to the consumer, up to the first one whose schema is not known. It is called with mu held.
func (p *partition) add(records []*kgo.Record) {
	r := p.reader
	messages := make([]consume.Message, 0, len(records))
	for i, record := range records {
		var schema *signalcast.Schema
		if id, ok := schemaID(record); ok {
			var known bool
			if schema, known = r.source.schemas.Known(id); !known {
				p.waiting = slices.Clone(records[i:])
				p.pause()
				go p.awaitSchema(id)
				break
			}
		}
		messages = append(messages, message(record, schema))
	}
	p.feed.Add(messages)
}

// awaitSchema reads a schema that the first of the waiting records needs, however long it takes.
func (p *partition) awaitSchema(id uint32) {
	r := p.reader
	failures := 0
	for {
		ctx, cancel := context.WithTimeout(p.ctx, r.source.config.RequestTimeout)
		err := r.source.schemas.Read(ctx, id)
		cancel()
		if err == nil {
			break
		}
		if p.ctx.Err() != nil {
			return
		}
		r.in.Failed(p.place.topic, err)
		failures++
		if backendkit.Pause(p.ctx, failures, 0) != nil {
			return
		}
	}
	if failures > 0 {
		r.in.Works(p.place.topic)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	waiting := p.waiting
	p.waiting = nil
	p.add(waiting)
}

// pause makes the client fetch no more records of the partition. Those that it has already may still come.
func (p *partition) pause() {
	p.paused.Store(true)
	p.reader.client.PauseFetchPartitions(map[string][]int32{p.place.topic: {p.place.partition}})
}

// resumeWithRoom ends a pause if half of the room is free, and no records wait.
func (p *partition) resumeWithRoom() {
	if room := p.feed.Room(); !p.paused.Load() || room < p.reader.in.MaxInFlight()/2 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.paused.Store(false)
		p.reader.client.ResumeFetchPartitions(map[string][]int32{p.place.topic: {p.place.partition}})
	}
}
