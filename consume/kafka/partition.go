package kafka

import (
	"context"
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

	mu       sync.Mutex    // guards what follows, and calls of feed.Add
	waiting  []*kgo.Record // the feed has no room for them yet, or the schema of the first one is not known
	bytes    int           // of the values of the waiting records
	awaiting bool          // awaitSchema is running
	next     int64         // the offset after the last record read; -1 before the first one
	end      int64         // of the partition

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
	p.next, p.end = last+1, f.HighWatermark
	for _, record := range f.Records {
		p.bytes += len(record.Value)
	}
	if len(p.waiting) == 0 {
		p.waiting = f.Records
	} else {
		p.waiting = append(p.waiting, f.Records...)
	}
	p.fill()
}

// fill gives waiting records to the consumer, up to the first one whose schema is not known, if there is room for several of them. It is
// called with mu held.
func (p *partition) fill() {
	room := min(p.feed.Room(), len(p.waiting))
	if p.awaiting || room == 0 || room < min(len(p.waiting), p.reader.in.MaxInFlight()/8) {
		return
	}
	for room > 0 && !p.awaiting {
		n := p.add(p.waiting[:min(room, maxBlock)])
		clear(p.waiting[:n])
		p.waiting = p.waiting[n:]
		room -= n
	}
	read := p.next
	if len(p.waiting) > 0 {
		read = p.waiting[0].Offset
	}
	p.feed.SetBacklog(max(0, p.end-read))
}

// maxBlock is the number of messages that share memory. A message that waits for its next attempt keeps all of it.
const maxBlock = 64

// add gives records to the consumer, up to the first one whose schema is not known. It returns how many it gave.
func (p *partition) add(records []*kgo.Record) (n int) {
	messages := make([]consume.Message, len(records))
	var space block
	for i, record := range records {
		var schema *signalcast.Schema
		if id, ok := schemaID(record); ok {
			var known bool
			if schema, known = p.reader.source.schemas.Known(id); !known {
				p.awaiting = true
				go p.awaitSchema(id)
				break
			}
		}
		p.bytes -= len(record.Value)
		space.copy(record, len(records)-i)
		setMessage(&messages[i], record, schema)
		n++
	}
	p.feed.Add(messages[:n])
	return n
}

// full reports whether no more records should be read. The client discards what it has read of a partition that is paused, so a source
// that keeps some records seldom pauses one.
func (p *partition) full() bool { return p.over(maxWaitingBytes, maxPolls*p.reader.maxPoll()) }

// over reports whether as many bytes or records wait.
func (p *partition) over(bytes, records int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes >= bytes || len(p.waiting) >= records
}

// awaitSchema reads a schema that the first waiting record needs, however long it takes.
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
	p.awaiting = false
	p.fill()
}

// pause makes the client fetch no more records of the partition. Those that it has already may still come.
func (p *partition) pause() {
	p.paused.Store(true)
	p.reader.client.PauseFetchPartitions(map[string][]int32{p.place.topic: {p.place.partition}})
}

// tend gives waiting records to the consumer, and ends a pause if few records wait.
func (p *partition) tend() {
	p.mu.Lock()
	p.fill()
	p.mu.Unlock()
	if p.paused.Load() && !p.over(maxWaitingBytes/2, maxPolls*p.reader.maxPoll()/2) {
		p.paused.Store(false)
		p.reader.client.ResumeFetchPartitions(map[string][]int32{p.place.topic: {p.place.partition}})
	}
}
